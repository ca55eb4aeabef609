/* SPDX-License-Identifier: MIT */
/* The module's one door is module_register: another name that it exported could
 * be taken for another plugin's, or collectd's own. Reads the ELF file as it
 * lies there, since dlsym(3) can only ask for names that one thinks of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/testing.h"

#include <link.h>

static char *module;
static size_t module_size;

static int read_module(void **state) {
  const char *path = getenv("TTN_PLUGIN");
  (void)state;
  module = test_read_file(path != NULL ? path : "src/.libs/ttn.so",
                          &module_size);
  return 0;
}

static int free_module(void **state) {
  (void)state;
  free(module);
  return 0;
}

static const void *at(size_t offset, size_t size) {
  assert_true(offset <= module_size && size <= module_size - offset);
  return module + offset;
}

static const ElfW(Shdr) *section(size_t i) {
  const ElfW(Ehdr) *head = at(0, sizeof(*head));
  assert_memory_equal(head->e_ident, ELFMAG, SELFMAG);
  assert_true(i < head->e_shnum);
  return at(head->e_shoff + i * head->e_shentsize, sizeof(ElfW(Shdr)));
}

static const ElfW(Shdr) *dynamic_symbols(void) {
  const ElfW(Ehdr) *head = at(0, sizeof(*head));
  for (size_t i = 0; i < head->e_shnum; i++)
    if (section(i)->sh_type == SHT_DYNSYM)
      return section(i);
  fail_msg("no dynamic symbols");
  return NULL;
}

static void test_one_symbol(void **state) {
  const ElfW(Shdr) *table = dynamic_symbols();
  const ElfW(Shdr) *names = section(table->sh_link);
  size_t exported = 0;
  (void)state;
  for (size_t i = 0; i < table->sh_size / table->sh_entsize; i++) {
    const ElfW(Sym) *symbol =
        at(table->sh_offset + i * table->sh_entsize, sizeof(*symbol));
    /* The linker adds local symbols of sections on armhf. */
    if (symbol->st_shndx == SHN_UNDEF ||
        ELF32_ST_BIND(symbol->st_info) == STB_LOCAL)
      continue;
    const char *name = at(names->sh_offset + symbol->st_name, 1);
    assert_string_equal(name, "module_register");
    exported++;
  }
  assert_int_equal(exported, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_symbol),
  };
  return cmocka_run_group_tests(tests, read_module, free_module);
}
