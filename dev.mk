# SPDX-License-Identifier: MIT
#
# Targets for developers. Tests are in tests/local.mk.

# Static analysis of all sources: cppcheck, gcc's analyzer, and clang's (the one of
# scan-build). A finding is an error; where one is wrong, a comment beside it says
# why. One message is suppressed, because it is no finding: newer versions of cppcheck
# say that a function has many branches. "make analyze JOBS=8" runs 8 at a time.
JOBS = 2
analyze_each = ls '$(srcdir)'/src/*/*.c | xargs -P '$(JOBS)' -n 1
analyze_flags = $(DEFS) $(AM_CPPFLAGS) $(COLLECTD_CPPFLAGS) $(CURL_CFLAGS) \
	$(YAJL_CFLAGS) -std=c11 -O2 -o /dev/null
analyze:
	cppcheck -q -j '$(JOBS)' --std=c11 --error-exitcode=1 \
		--enable=warning,performance,portability --inline-suppr \
		--library=posix --library=gnu --library=libcurl \
		--suppress=normalCheckLevelMaxBranches \
		$(DEFS) $(AM_CPPFLAGS) -DLIBCURL_VERSION_NUM=0x080000 \
		'$(srcdir)/src'
	$(analyze_each) gcc -fanalyzer -Werror -c $(analyze_flags)
	$(analyze_each) clang --analyze -Xanalyzer -analyzer-werror \
		$(analyze_flags)

BENCH_N =
# make bench-writers BENCH_WRITERS="csv network": only these.
BENCH_WRITERS =
bench: bench-build
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/bench/bench.py' $(BENCH_N)
bench-traffic: bench-build
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/bench/traffic.py'
bench-small: all
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/bench/small.py'
bench-writers: bench-build
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/bench/writers.py' \
		$(BENCH_WRITERS)
# make bench-shards BENCH_SHARDS="2000 5 2": gateways, polls, a kill at every 2nd.
BENCH_SHARDS = 100000 30 10
bench-shards: bench-build
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/bench/shards.py' \
		$(BENCH_SHARDS)
bench-build: all
if HAVE_BENCH
	$(MAKE) $(AM_MAKEFLAGS) $(bench_programs) $(bench_modules)
else
	@echo 'make bench needs libnghttp2, OpenSSL and zlib (Debian packages:' \
		'libnghttp2-dev libssl-dev zlib1g-dev); then run configure again' >&2
	@exit 1
endif

# make ledger SEED=7 POLLS=100000: stories of its own, for as long as you like.
POLLS = 20000
ledger: tests/tools/ttn-drive
	$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/tests/ledger/ledger.py' \
		$${SEED:+--seed "$$SEED"} --polls '$(POLLS)'
# The same during every kind of fault, and a table of what became of each.
ledger-long: tests/tools/ttn-drive-faked
	$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/tests/ledger/ledger.py' \
		--faults $${SEED:+--seed "$$SEED"} --polls "$${POLLS:-10000}"
# Each allocation fails in turn; prints how many there are.
torture: $(torture_tests)
	@$(AM_TESTS_ENVIRONMENT) \
		for test in $(torture_tests); do "./$$test" || exit 1; done
# A day's polls of one process: what it used, and that it is no more at the end.
soak: tests/tools/ttn-drive-faked
	$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/tests/ledger/soak.py' \
		$${SEED:+--seed "$$SEED"}

# make fuzz T=600: all fuzzers for so many seconds together. make fuzz-corpus
# does so, too, and then keeps the inputs that cover something new.
T = 600
fuzz:
	$(run_fuzzers) '$(T)' $(fuzzers)
fuzz-corpus:
	$(run_fuzzers) --merge '$(T)' $(fuzzers)
run_fuzzers = $(have_fuzzers) $(MAKE) $(AM_MAKEFLAGS) $(fuzzers) && \
	$(PYTHON3) '$(srcdir)/tests/fuzz/run.py'
if !HAVE_FUZZERS
have_fuzzers = echo 'make fuzz needs a build of its own: configure CC=clang' \
	'--enable-fuzzers, with --enable-sanitizers if you like' >&2; exit 1;
endif

# What README and doc/writers.md show. Needs gnuplot as well (Debian package:
# gnuplot-nox).
pictures: all
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(srcdir)/scripts/overview-png'
	$(PYTHON3) '$(srcdir)/scripts/terminal-svg' --program src/ttn-check \
		'$(srcdir)/doc/ttn-check.svg'

.PHONY: analyze bench bench-build bench-shards bench-small bench-traffic bench-writers fuzz \
	fuzz-corpus ledger ledger-long pictures soak torture
