# SPDX-License-Identifier: MIT
#
# A fuzzer is fuzz_NAME.c, with what fuzzers share. With replay.c it tests its
# corpus, in any build; with libFuzzer's main() it is for "make fuzz".
corpus_tests = $(patsubst %.c,%.tap,$(call source_files,%D%/fuzz_*.c))
fuzzers = $(corpus_tests:.tap=.fuzzer)
fuzz_objects = $(corpus_tests:.tap=.o) %D%/replay.o $(fuzz_shared)
fuzz_shared = \
	%D%/decoders.o \
	%D%/fuzz.o

$(fuzz_objects): test_cppflags = -I$(srcdir)/tests/unit
$(fuzz_objects): %.o: $(srcdir)/%.c
	$(compile_test) $<
$(corpus_tests): %.tap: %.o %D%/replay.o $(fuzz_shared) \
		tests/unit/lib/env.o src/libttn.la
	$(link_test) $^ $(LIBS)
$(fuzzers): %.fuzzer: %.o $(fuzz_shared) \
		tests/unit/lib/env.o src/libttn.la
	$(link_test) -fsanitize=fuzzer $^ $(LIBS)

EXTRA_DIST += \
	$(call source_files,%D%/*.[ch]) \
	%D%/corpus \
	%D%/run.py \
	%D%/seeds.py
