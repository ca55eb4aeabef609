#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The files for compose and Kubernetes: whole, and of one mind with Containerfile about names, ports, paths and users.

tests/packages/test_image.py builds and runs the image, and has Kubernetes' schemas."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

try:
    import yaml
except ImportError:
    # Where Debian's packages are, if this is another Python.
    sys.path.append("/usr/lib/python3/dist-packages")
    import yaml

import pages  # noqa: E402  (the modules lie beside the other tests' own)
import paths  # noqa: E402
import tap  # noqa: E402

CONTRIB = os.path.join(paths.SRCDIR, "contrib")
KUBERNETES = ("config.yaml", "secret.yaml.example", "service.yaml", "statefulset.yaml",
              "prometheus-operator/servicemonitor.yaml")


def read(*names):
    with open(os.path.join(CONTRIB, *names), encoding="utf-8") as file:
        return file.read()


class _Strict(yaml.SafeLoader):
    """Refuses a key that comes twice, of which yaml takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        tap.equal(sorted(keys), sorted(set(keys)), "keys in line %d" % node.start_mark.line)
        return super().construct_mapping(node, deep)


def load(*names):
    return yaml.load(read(*names), _Strict)


def kubernetes():
    """{kind: object}"""
    return {one["kind"]: one for one in (load("kubernetes", name) for name in KUBERNETES)}


def containerfile():
    """{instruction: [its arguments]}"""
    text = re.sub(r"\\\n", " ", read("..", "Containerfile"))
    out = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            out.setdefault(line.split()[0], []).append(line.split(None, 1)[1])
    return out


def option(text, name):
    """Of a piece of collectd.conf."""
    return re.search(r'(?m)^ *%s "([^"]*)"$' % name, text).group(1)


def pod():
    return kubernetes()["StatefulSet"]["spec"]["template"]["spec"]


def mounts():
    """{name: where it is mounted in the pod}"""
    return {one["name"]: one["mountPath"] for one in pod()["containers"][0]["volumeMounts"]}


def test_all_read():
    """Every file for Kubernetes is known to this test, and kubectl apply finds those that hold no key"""
    found = [os.path.relpath(os.path.join(directory, name), os.path.join(CONTRIB, "kubernetes"))
             for directory, _, names in os.walk(os.path.join(CONTRIB, "kubernetes")) for name in names]
    tap.equal(sorted(found), sorted(KUBERNETES))
    for name in KUBERNETES:
        tap.equal(load("kubernetes", name)["kind"] == "Secret", not name.endswith(".yaml"), name)


def test_names():
    """Labels, selectors and names lead to each other"""
    found = kubernetes()
    states = found["StatefulSet"]
    labels = states["spec"]["template"]["metadata"]["labels"]
    tap.equal(states["spec"]["selector"]["matchLabels"], labels)
    tap.equal(found["Service"]["spec"]["selector"], labels)
    tap.equal(states["spec"]["serviceName"], found["Service"]["metadata"]["name"])
    tap.equal(found["ServiceMonitor"]["spec"]["selector"]["matchLabels"], found["Service"]["metadata"]["labels"])
    volumes = {one["name"]: one for one in pod()["volumes"]}
    tap.equal(volumes["config"]["configMap"]["name"], found["ConfigMap"]["metadata"]["name"])
    tap.equal(volumes["keys"]["secret"]["secretName"], found["Secret"]["metadata"]["name"])
    claimed = [one["metadata"]["name"] for one in states["spec"]["volumeClaimTemplates"]]
    tap.equal(sorted(list(volumes) + claimed), sorted(mounts()))


def test_ports():
    """One port everywhere, by number or by name"""
    number = int(containerfile()["EXPOSE"][0])
    tap.equal(int(option(read("container", "collectd.conf"), "Port")), number)
    tap.matches(r"/dev/tcp/127\.0\.0\.1/%d " % number, containerfile()["HEALTHCHECK"][0])
    container = pod()["containers"][0]
    tap.equal(container["ports"], [{"name": "metrics", "containerPort": number}])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = [action["port"] for action in container[probe].values() if isinstance(action, dict)]
        tap.equal(asked, ["metrics"], probe)
    tap.equal(kubernetes()["Service"]["spec"]["ports"], [{"name": "metrics", "port": number, "targetPort": "metrics"}])
    tap.equal([one["port"] for one in kubernetes()["ServiceMonitor"]["spec"]["endpoints"]], ["metrics"])
    scraped = load("compose", "prometheus.yml")["scrape_configs"][0]
    tap.equal(scraped["static_configs"], [{"targets": ["ttn:%d" % number]}])
    tap.equal("ttn" in load("compose.yaml")["services"], True)


class _Page(http.server.BaseHTTPRequestHandler):
    """What write_prometheus says of an account: server.line."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.line.encode() + b"\n")

    def log_message(self, *_):
        pass


def test_health():
    """The health check takes a value with a time and one without, as write_prometheus has it if Interval is long"""
    command = json.loads(containerfile()["HEALTHCHECK"][0].split("CMD ")[1])
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command[-1] = re.sub(r"(/dev/tcp/127\.0\.0\.1/)\d+ ", r"\g<1>%d " % server.server_port, command[-1])
        for value, status in (("1 1785000000000", 0), ("1", 0), ("0 1785000000000", 1), ("0", 1)):
            server.line = 'collectd_ttn_api_bool{ttn_api="home",type="up",instance="h"} ' + value
            tap.equal(subprocess.run(command, check=False, timeout=30).returncode, status, value)
        server.shutdown()


def test_paths():
    """Configuration, key and state are mounted where the image looks for them"""
    own = read("container", "collectd.conf")
    state = containerfile()["VOLUME"][0]
    tap.equal((option(own, "BaseDir"), mounts()["state"]), (state, state))
    tap.equal(re.search(r'<Include "(.*)">', own).group(1), mounts()["config"])
    secret = kubernetes()["Secret"]["stringData"]
    tap.equal([mounts()["keys"] + "/" + name for name in secret],
              [option(kubernetes()["ConfigMap"]["data"]["home.conf"], "APIKeyFile")])
    service = load("compose.yaml")["services"]["ttn"]
    tap.equal([one["target"] for one in service["secrets"]], [option(read("compose", "ttn.conf"), "APIKeyFile")])
    targets = [one.split(":")[1] for one in service["volumes"]]
    tap.equal(targets, [mounts()["config"] + "/home.conf", state])


def test_rights():
    """The image's user, who is not root, a root that is read-only, no capabilities"""
    user, group = map(int, containerfile()["USER"][0].split(":"))
    settings = pod()["securityContext"]
    tap.equal((settings["runAsNonRoot"], settings["runAsUser"], settings["runAsGroup"], settings["fsGroup"]),
              (True, user, group, group))
    tap.equal(pod()["containers"][0]["securityContext"], {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
    tap.equal(pod()["volumes"][1]["secret"]["defaultMode"], 0o440)
    service = load("compose.yaml")["services"]["ttn"]
    tap.equal((service["read_only"], service["cap_drop"], service["security_opt"]),
              (True, ["ALL"], ["no-new-privileges:true"]))
    tap.equal(re.search(r"--uid (\d+)", " ".join(containerfile()["RUN"])).group(1), str(user))


def test_shards():
    """As many pods as shards"""
    shard = option(kubernetes()["ConfigMap"]["data"]["home.conf"], "Shard")
    tap.equal(shard, "auto/%d" % kubernetes()["StatefulSet"]["spec"]["replicas"])


def test_options():
    """Each option of an account is one of the plugin's"""
    known = {row[0] for row in pages.names("option")}
    for text in (kubernetes()["ConfigMap"]["data"]["home.conf"], read("compose", "ttn.conf")):
        block = re.search(r'(?s)^LoadPlugin ttn\n<Plugin ttn>\n  <Account "home">\n(.*?)  </Account>\n</Plugin>$',
                          re.sub(r"(?m)^ *#.*\n", "", text.strip())).group(1)
        tap.equal({line.split()[0] for line in block.strip().split("\n")} - known, set())


def test_compose():
    """What compose mounts is there; each service's volumes and secrets are declared"""
    found = load("compose.yaml")
    declared = set(found["volumes"])
    for name, service in found["services"].items():
        for one in service["volumes"]:
            source = one.split(":")[0]
            there = os.path.exists(os.path.join(CONTRIB, source)) if source.startswith(".") else source in declared
            tap.equal((name, source, there), (name, source, True))
    tap.equal([one["source"] for one in found["services"]["ttn"]["secrets"]], list(found["secrets"]))
    build = found["services"]["ttn"]["build"]
    tap.equal(os.path.exists(os.path.join(CONTRIB, build["context"], build["dockerfile"])), True)


def test_older_tools():
    """Nothing that docker without BuildKit or docker-compose 1.29 refuses, which Debian 12 has"""
    with open(os.path.join(paths.SRCDIR, "Containerfile"), encoding="utf-8") as file:
        tap.equal(re.findall(r"(?m)^(?:RUN|COPY|ADD) --(?!from=)\S+", file.read()), [])
    tap.equal(sorted(load("compose.yaml")), ["secrets", "services", "volumes"])


def test_prometheus():
    """promtool takes compose's configuration of Prometheus, with the alert rules where it is mounted"""
    volumes = dict(one.split(":")[:2] for one in load("compose.yaml")["services"]["prometheus"]["volumes"])
    with paths.Scratch() as scratch:
        for source, target in volumes.items():
            if target.startswith("/etc/"):
                shutil.copy(os.path.join(CONTRIB, source), scratch.file(target[1:]))
        done = subprocess.run([paths.program("PROMTOOL", "promtool"), "check", "config",
                               scratch.file("etc", "prometheus", "prometheus.yml")], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        tap.equal((done.returncode, "1 rule files found" in done.stdout), (0, True), done.stdout)


def test_grafana():
    """Grafana finds its source at compose's Prometheus, and the dashboard where it looks for dashboards"""
    services = load("compose.yaml")["services"]
    targets = [one.split(":")[1] for one in services["grafana"]["volumes"]]
    source = load("compose", "grafana-source.yaml")["datasources"][0]
    port = services["prometheus"]["ports"][0].split(":")[-1]
    tap.equal(source["url"], "http://prometheus:" + port)
    directory = load("compose", "grafana-dashboards.yaml")["providers"][0]["options"]["path"]
    tap.equal([os.path.basename(one) for one in targets if os.path.dirname(one) == directory], ["ttn-prometheus.json"])
    for kind in ("datasources", "dashboards"):
        tap.equal("/etc/grafana/provisioning/%s/ttn.yaml" % kind in targets, True, kind)


def test_no_key_in_the_image():
    """What could hold a key stays out of the image, and its base is an argument"""
    with open(os.path.join(paths.SRCDIR, ".dockerignore"), encoding="utf-8") as file:
        left_out = file.read().split("\n")
    tap.equal([one for one in ("**/*.key", ".git", "/build") if one not in left_out], [])
    tap.equal(containerfile()["ARG"], ["BASE=debian:stable-slim"])
    tap.equal([line.split()[0] for line in containerfile()["FROM"]], ["${BASE}"] * 2)


if __name__ == "__main__":
    tap.run(globals())
