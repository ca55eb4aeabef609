# SPDX-License-Identifier: MIT
#
# A unit test is FOLDER/test_NAME.c, where FOLDER is that of src/ whose files it
# tests. It is built as FOLDER/test_NAME.tap, with cmocka, on the library, and
# on what tests share: lib/*.c.
unit_tests = $(patsubst %.c,%.tap,$(call source_files,%D%/*/test_*.c))
unit_library_objects = $(patsubst %.c,%.o,$(call source_files,%D%/lib/*.c))
unit_objects = $(unit_tests:.tap=.o) $(unit_library_objects)

# These do not run under valgrind, which is tens of times slower: the tests of
# http/ measure time-outs, and test_check would take a minute. The sanitizers
# check their memory.
timed_tests = \
	%D%/cli/test_check.tap \
	%D%/http/test_http.tap \
	%D%/http/test_http_tls.tap \
	%D%/http/test_http_ways.tap
# These would take minutes under valgrind.
slow_unit_tests = \
	%D%/gateway/test_events.tap \
	%D%/gateway/test_gateway_model.tap \
	%D%/gateway/test_two_servers.tap \
	%D%/json/test_json_splices.tap \
	%D%/json/test_json_suite.tap
untimed_tests = $(filter-out $(timed_tests) $(slow_unit_tests),$(unit_tests))
# These have more than one thread.
threaded_tests = \
	%D%/account/test_account.tap \
	%D%/account/test_poll.tap \
	%D%/account/test_runner.tap \
	%D%/collectd/test_plugin.tap \
	%D%/collectd/test_threads.tap \
	%D%/http/test_http.tap \
	%D%/http/test_http_tls.tap \
	%D%/http/test_http_ways.tap
# In these each allocation of the program fails in turn.
torture_tests = \
	%D%/account/test_account.tap \
	%D%/cli/test_check.tap \
	%D%/collectd/test_plugin_memory.tap \
	%D%/json/test_json_memory.tap

# What tests of one folder need in addition. The module takes collectd's
# functions from the test program, so that exports them.
unit_cppflags_collectd = $(COLLECTD_CPPFLAGS)
unit_cppflags_lib = $(COLLECTD_CPPFLAGS)
unit_ldflags_collectd = -export-dynamic
cli_unit_tests = $(filter %D%/cli/%,$(unit_tests))
linked_library = $(if $(filter %/cli,$(@D)),src/libcheck.la,src/libttn.la)

$(unit_objects): test_cppflags = -I$(srcdir)/%D% $(CMOCKA_CFLAGS) \
	$(unit_cppflags_$(notdir $(@D)))
$(unit_objects): %.o: $(srcdir)/%.c
	$(compile_test) $<
%D%/lib/libunit.a: $(unit_library_objects)
	$(AM_V_AR)rm -f $@ && $(AR) cr $@ $^ && $(RANLIB) $@
$(unit_tests): %D%/lib/libunit.a src/libttn.la
$(cli_unit_tests): src/libcheck.la
$(unit_tests): %.tap: %.o
	$(link_test) $(unit_ldflags_$(notdir $(@D))) $(filter %.o,$^) \
		%D%/lib/libunit.a $(linked_library) $(CMOCKA_LIBS) $(LIBS)

# plugin.c is part of this test, so that its memory can fail.
%D%/collectd/test_plugin_memory.tap: %D%/collectd/staged_plugin.o
%D%/collectd/staged_plugin.o: src/collectd/plugin.c
	$(compile_test) $(COLLECTD_CPPFLAGS) -Dttn_env_system=staged_env \
		$(srcdir)/src/collectd/plugin.c

EXTRA_DIST += \
	$(call source_files,%D%/*/*.[ch]) \
	%D%/account/verdicts.expected \
	%D%/tts/recordings.expected
