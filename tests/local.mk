# SPDX-License-Identifier: MIT
#
# make finds the tests by their names, so none can be forgotten here:
#
#   tests/unit/*/test_*.c              built as .tap, see unit/local.mk
#   tests/fuzz/fuzz_*.c                built as .tap and .fuzzer, fuzz/local.mk
#   tests/*/test_*.py, bench/test_*.py
#
# Lists below name only what a target leaves out, or what it is limited to.

# Files of the source tree that match some patterns.
source_files = $(sort $(patsubst $(srcdir)/%,%, \
	$(wildcard $(addprefix $(srcdir)/,$1))))
found_python = $(call source_files,%D%/*/test_*.py bench/test_*.py)

# These take long: only make check-all and make check-long run them. Those of the
# ledger want the machine for themselves.
system_tests = \
	%D%/packages/test_debian12.py \
	%D%/packages/test_debian13.py
long_tests = \
	%D%/ledger/test_faults_long.py \
	%D%/ledger/test_soak.py \
	$(system_tests)
# Only ./check world runs these. See check-receivers.
receiver_tests = $(call source_files,%D%/receivers/test_*.py)
world_tests = \
	%D%/packages/test_cross.py \
	%D%/packages/test_image.py \
	%D%/packages/test_rpm.py \
	%D%/scale/test_carbon.py \
	%D%/scale/test_kafka.py \
	%D%/scale/test_systemd.py \
	$(receiver_tests)
# Tests that this build cannot run.
left_out =
if !HARDENED
left_out += %D%/module/test_hardening.py
endif
python_tests = $(filter-out $(long_tests) $(world_tests) $(left_out), \
	$(found_python))

# These wait most of their time. They start first and wait while others run, so all
# end sooner.
first_tests = \
	%D%/e2e/test_spread.py \
	%D%/writers/test_dashboards.py \
	%D%/writers/test_prometheus.py \
	%D%/writers/test_radio_row.py

# Programs that Python tests run.
check_PROGRAMS = \
	%D%/tools/ttn-drive \
	%D%/tools/ttn-drive-faked \
	%D%/tools/ttn-names
%C%_tools_ttn_drive_LDADD = src/libttn.la
%C%_tools_ttn_drive_faked_SOURCES = \
	%D%/tools/fake_clock_dns.c \
	%D%/tools/ttn-drive.c
%C%_tools_ttn_drive_faked_LDADD = src/libttn.la
%C%_tools_ttn_names_LDADD = src/libttn.la
AM_DEFAULT_SOURCE_EXT = .c

include tests/unit/local.mk
include tests/fuzz/local.mk

# Unit tests and fuzzers are not automake's programs: it would need their names.
# Each object has a .d file beside it, which names the headers that it needs.
compile_test = $(AM_V_CC)$(MKDIR_P) $(@D) && $(COMPILE) $(test_cppflags) \
	-MD -MP -c -o $@
link_test = $(AM_V_CCLD)$(LINK)
-include $(wildcard %D%/unit/*/*.d %D%/fuzz/*.d)
MOSTLYCLEANFILES = %D%/unit/*/*.[do] %D%/fuzz/*.[do]
CLEANFILES = %D%/unit/*/*.tap %D%/unit/lib/libunit.a %D%/fuzz/*.tap \
	%D%/fuzz/*.fuzzer

# automake would take each word of a call of $(wildcard) for a test's name. So
# it sees only FOUND_TESTS, which configure replaces by $(found_tests).
found_tests = $(first_tests) $(filter-out $(first_tests), $(unit_tests) \
	$(corpus_tests) $(python_tests))
TESTS = @FOUND_TESTS@
# What make check-all runs, whatever TESTS is.
all_tests = $(found_tests) $(long_tests)
# All of these are built before the first test runs.
if HAVE_CMOCKA
check_DATA = $(filter %.tap,$(TESTS))
endif

TEST_EXTENSIONS = .tap .py
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TAP_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_COMPILER = $(PYTHON3)
# JSONTestSuite stands beside the repository where it is tested in CI.
TTN_JSON_SUITE = $(abs_srcdir)/../shared/json-test-suite
# Where the programs are that Python tests run. See check-machine.
programs = $(abs_builddir)
AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	TTN_ANSWERS='$(abs_srcdir)/tests/answers'; export TTN_ANSWERS; \
	TTN_BUILDDIR='$(abs_builddir)'; export TTN_BUILDDIR; \
	TTN_CHECK='$(programs)/src/ttn-check'; export TTN_CHECK; \
	TTN_DRIVE='$(programs)/tests/tools/ttn-drive'; export TTN_DRIVE; \
	TTN_DRIVE_FAKED='$(programs)/tests/tools/ttn-drive-faked'; \
	export TTN_DRIVE_FAKED; \
	TTN_JSON_SUITE='$(TTN_JSON_SUITE)'; export TTN_JSON_SUITE; \
	TTN_NAMES='$(programs)/tests/tools/ttn-names'; export TTN_NAMES; \
	TTN_PLUGIN='$(abs_builddir)/src/.libs/ttn.so'; export TTN_PLUGIN; \
	TTN_SRCDIR='$(abs_srcdir)'; export TTN_SRCDIR; \
	TTN_TESTS='$(all_tests) $(world_tests)'; export TTN_TESTS; \
	TTN_TESTS_LEFT_OUT='$(left_out)'; export TTN_TESTS_LEFT_OUT; \
	TTN_TESTS_LISTED='$(listed_tests)'; export TTN_TESTS_LISTED; \
	COLLECTD='$(COLLECTD)'; export COLLECTD; \
	COLLECTD_PLUGINDIR='$(COLLECTD_PLUGINDIR)'; export COLLECTD_PLUGINDIR;

# The unit tests: all, those for builders of packages, those under sanitizers,
# under valgrind, and in a tree made of the tarball.
check-unit:
	$(MAKE) check TESTS='$(unit_tests)'
check-untimed:
	$(MAKE) check TESTS='$(untimed_tests)'
sanitized_tests = \
	$(unit_tests) \
	$(corpus_tests) \
	%D%/e2e/test_memory.py \
	%D%/e2e/test_shutdown.py
check-sanitized:
	$(MAKE) check TESTS='$(sanitized_tests)'
# For the thread sanitizer. No other programs are built.
check-threads:
	$(MAKE) check TESTS='$(threaded_tests)' \
		check_PROGRAMS= check_LTLIBRARIES=
check-valgrind:
	$(MAKE) check TESTS='$(untimed_tests)' \
		TAP_LOG_COMPILER='$(VALGRIND) -q --leak-check=full \
			--error-exitcode=99'
distcheck-unit:
	$(MAKE) distcheck TESTS='$(unit_tests) $(corpus_tests)' \
		TTN_JSON_SUITE='$(TTN_JSON_SUITE)'
# In a build for another architecture, whose programs run by what
# scripts/cross-tree left in machine/. doc/platforms.md says what is not here.
machine_tests = \
	$(unit_tests) \
	$(corpus_tests) \
	%D%/e2e/test_check.py \
	%D%/e2e/test_example.py \
	%D%/e2e/test_oneshot.py \
	%D%/e2e/test_values.py \
	%D%/module/test_hardening.py
check-machine:
	$(MAKE) check TESTS='$(machine_tests)' \
		TAP_LOG_COMPILER='$(abs_builddir)/machine/run' \
		programs='$(abs_builddir)/machine' \
		COLLECTD_PLUGINDIR='$(abs_builddir)/machine/tree/usr/lib/collectd'
# With receivers of values that are built from source.
check-receivers:
	$(srcdir)/scripts/receivers '$(abs_builddir)/receivers'
	$(MAKE) check TESTS='$(receiver_tests)'
check-all:
	$(MAKE) check TESTS='$(all_tests)'
check-long:
	$(MAKE) check TESTS='$(filter-out $(system_tests),$(long_tests))'
	$(MAKE) -j2 check TESTS='$(system_tests)'
.PHONY: check-all check-long check-machine check-receivers check-sanitized \
	check-threads check-unit check-untimed check-valgrind distcheck-unit
# Each test that a list names; test_every_test.py holds that it is there.
listed_tests = $(first_tests) $(long_tests) $(machine_tests) $(sanitized_tests) \
	$(slow_unit_tests) $(threaded_tests) $(timed_tests) $(torture_tests) \
	$(world_tests)

# Without these, tests would be missing and nobody would notice.
check-local:
if !HAVE_CMOCKA
	@echo 'make check needs cmocka (Debian package: libcmocka-dev)' >&2; exit 1
endif
if !HAVE_PYTHON3
	@echo 'make check needs python3 (Debian package: python3)' >&2; exit 1
endif
	@test -d '$(TTN_JSON_SUITE)' || \
		echo 'JSONTestSuite is not tested: it is not in $(TTN_JSON_SUITE)' >&2
if !HAVE_BENCH
	@echo 'the benchmark is not tested: see configure' >&2
endif

# Directories are taken whole, but for what a build or a test left in them.
EXTRA_DIST += \
	%D%/answers \
	%D%/docs \
	%D%/e2e \
	%D%/ledger \
	%D%/lib \
	%D%/module \
	%D%/packages \
	%D%/receivers \
	%D%/scale \
	%D%/standin \
	%D%/writers
