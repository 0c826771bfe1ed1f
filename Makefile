# SPDX-License-Identifier: Apache-2.0
# openfire-s2s - build, run and test. `make help` lists the targets.
#
# A variant is a set of flags with a build directory of its own, build/<variant>/; the default one
# puts its binary at the top, ./openfire-s2s. Another compiler is another variant: `make CC=clang`
# builds in build/default-clang/. `make VARIANT=asan unit` runs the unit tests of one variant.

ifeq ($(origin CC),default)
CC := gcc
endif
VARIANT  ?= default
ifeq ($(VARIANT),fuzz)
CC := clang
endif
PREFIX   ?= /usr/local
SYSCONFDIR ?= /etc
# How to treat Debian packages: `PACKAGES=installed` trusts that all is there (other systems).
PACKAGES ?= check
export PACKAGES
PYTHON   ?= /usr/bin/python3

compiler := $(notdir $(lastword $(CC)))
BUILD    := build/$(VARIANT)$(if $(filter-out gcc,$(compiler)),-$(compiler))
BINARY   := $(if $(filter build/default,$(BUILD)),,$(BUILD)/)openfire-s2s
TOOL     := $(BINARY)ctl

# ---- flags

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wformat=2 -Werror
CPPFLAGS += -D_GNU_SOURCE -I. -I/usr/include/libxml2
LDLIBS   += -lxml2 -lssl -lcrypto -liniparser -lunbound -lidn -ljansson -lmicrohttpd -lpthread

flags.default := -O2 -g -fno-plt -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
flags.debug   := -O0 -g3
flags.asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
flags.tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
flags.fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifeq ($(flags.$(VARIANT)),)
$(error VARIANT is one of default, debug, asan, tsan, fuzz; not $(VARIANT))
endif

# CFLAGS and LDFLAGS of the caller come last and win.
COMPILE = $(CC) -std=c11 $(CPPFLAGS) $(WARNINGS) $(flags.$(VARIANT)) \
          -fstack-protector-strong -fPIE -MMD -MP $(CFLAGS)
LINK    = $(CC) $(flags.$(VARIANT)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(CFLAGS) $(LDFLAGS)

# ---- sources: the rooms from left to right, then the roots

ROOT    := server/main.c
TOOL_ROOT := admin/openfire_s2sctl.c
XML     := $(wildcard xml/*.c)
SERVER  := $(filter-out $(ROOT),$(wildcard server/*.c))
PROOF   := $(wildcard dialback/*.c)
SESSION := $(wildcard session/*.c)
ADMIN   := $(filter-out $(TOOL_ROOT),$(wildcard admin/*.c))
SUPPORT := $(wildcard test/support/*.c)
TESTS   := $(wildcard test/test_*.c)
BENCH   := $(wildcard test/bench/*.c)
TARGETS := $(wildcard test/fuzz/fuzz_*.c)
ORACLES := $(filter-out $(TARGETS),$(wildcard test/fuzz/*.c)) test/support/scratch.c

objects       = $(1:%.c=$(BUILD)/%.o)
ROOM_OBJECTS := $(call objects,$(XML) $(SERVER) $(PROOF) $(SESSION) $(ADMIN))
ROOT_OBJECT  := $(call objects,$(ROOT))
TOOL_OBJECT  := $(call objects,$(TOOL_ROOT))
TEST_OBJECTS := $(call objects,$(SUPPORT))
TEST_PROGRAMS := $(TESTS:%.c=$(BUILD)/%)
BENCH_PROGRAMS := $(BUILD)/test/bench/load $(BUILD)/test/bench/limits
FUZZ_PROGRAMS := $(TARGETS:%.c=$(BUILD)/%)

# ---- rules

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests unit run test soak bench bench-programs demo debug asan tsan install clean format help packages targets fuzz uninstall manual

all: $(BINARY) $(TOOL)          ## the server and its control tool (the default)

tests: $(TEST_PROGRAMS)         ## the unit tests, not run

unit: tests                     ## builds and runs the unit tests of this variant
	@sh test/unit.sh $(TEST_PROGRAMS)

debug asan tsan:                ## the server in another variant, build/<variant>/openfire-s2s
	@$(MAKE) --no-print-directory VARIANT=$@ all

run:                            ## installs what is missing, builds, starts with openfire-s2s.conf
	@sh test/packages.sh install build
	@$(MAKE) --no-print-directory all
	@exec ./$(BINARY) -c openfire-s2s.conf

test:                           ## installs what is missing, runs every test
	@sh test/packages.sh install build test
	@bash test/run.sh

soak:                           ## mixed traffic while processes come and go, for SOAK_SECONDS (3600)
	@sh test/packages.sh check build test
	@$(MAKE) --no-print-directory all
	@$(PYTHON) test/soak.py --binary ./$(BINARY) --seconds $(or $(SOAK_SECONDS),3600)

bench:                          ## installs what is missing, measures against other servers and bare limits
	@sh test/packages.sh install build test
	@$(MAKE) --no-print-directory all bench-programs
	@$(PYTHON) test/bench/run.py --binary ./$(BINARY) --programs $(BUILD)/test/bench

bench-programs: $(BENCH_PROGRAMS)  ## the load generator and the bare limits, not run

targets: $(FUZZ_PROGRAMS)       ## the fuzz targets, not run; only with VARIANT=fuzz

fuzz:                           ## fuzzes for a long time: FUZZ_SECONDS (600) for each target
	@sh test/packages.sh check build test
	@$(MAKE) --no-print-directory VARIANT=fuzz targets
	@sh test/fuzz/run.sh long

demo: $(BINARY)                 ## two servers talk, and a component with a user of Prosody; annotated
	@sh test/demo.sh ./$(BINARY)
	@echo
	@$(PYTHON) test/interop/behind.py --binary ./$(BINARY) --demo

# The paths inside of installed files; where the service keeps its things is /var/lib/openfire-s2s.
PLACED := sed -e 's,@bindir@,$(PREFIX)/bin,' -e 's,@sysconfdir@,$(SYSCONFDIR),'
HOMED  := sed -e 's,^home = \./var$$,home = /var/lib/openfire-s2s,'
LIB    := $(DESTDIR)$(PREFIX)/lib
SHARE  := $(DESTDIR)$(PREFIX)/share
CONF   := $(DESTDIR)$(SYSCONFDIR)/openfire-s2s/openfire-s2s.conf

install: all                    ## into $(DESTDIR)$(PREFIX), with a service; settings that are there stay
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/openfire-s2s
	install -D -m 755 $(TOOL) $(DESTDIR)$(PREFIX)/bin/openfire-s2sctl
	install -D -m 644 admin/openfire-s2s.8 $(SHARE)/man/man8/openfire-s2s.8
	install -D -m 644 admin/openfire-s2sctl.8 $(SHARE)/man/man8/openfire-s2sctl.8
	install -D -m 644 admin/openfire-s2s.conf.5 $(SHARE)/man/man5/openfire-s2s.conf.5
	install -D -m 644 admin/openfire-s2sctl.bash $(SHARE)/bash-completion/completions/openfire-s2sctl
	$(HOMED) openfire-s2s.conf | install -D -m 644 /dev/stdin $(SHARE)/openfire-s2s/openfire-s2s.conf
	[ -e $(CONF) ] || $(HOMED) openfire-s2s.conf | install -D -m 640 /dev/stdin $(CONF)
	install -D -m 644 admin/grafana-dashboard.json $(SHARE)/openfire-s2s/grafana-dashboard.json
	$(PLACED) admin/openfire-s2s.service | install -D -m 644 /dev/stdin $(LIB)/systemd/system/openfire-s2s.service
	install -D -m 644 admin/openfire-s2s.sysusers $(LIB)/sysusers.d/openfire-s2s.conf
	$(PLACED) admin/openfire-s2s.tmpfiles | install -D -m 644 /dev/stdin $(LIB)/tmpfiles.d/openfire-s2s.conf

uninstall:                      ## what install put there; settings and /var/lib/openfire-s2s stay
	rm -f $(DESTDIR)$(PREFIX)/bin/openfire-s2s $(DESTDIR)$(PREFIX)/bin/openfire-s2sctl
	rm -f $(LIB)/systemd/system/openfire-s2s.service $(LIB)/sysusers.d/openfire-s2s.conf $(LIB)/tmpfiles.d/openfire-s2s.conf
	rm -f $(SHARE)/man/man8/openfire-s2s.8 $(SHARE)/man/man8/openfire-s2sctl.8 $(SHARE)/man/man5/openfire-s2s.conf.5
	rm -f $(SHARE)/bash-completion/completions/openfire-s2sctl
	rm -rf $(SHARE)/openfire-s2s

manual: all                     ## the lists in the manual pages, from the tables of settings and commands
	$(PYTHON) test/manual.py --binary ./$(BINARY) --write

format:                         ## clang-format over all C sources, in place
	clang-format -i $(wildcard */*.[ch] test/support/*.[ch] test/bench/*.[ch] test/fuzz/*.[ch] test/abuse/*.[ch])

clean:                          ## removes all that was built; ./var stays
	rm -rf build openfire-s2s openfire-s2sctl

help:                           ## this list
	@sed -n 's/^\([a-z ]*\):[^=#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

packages:
	@sh test/packages.sh check build

$(BINARY): $(ROOT_OBJECT) $(BUILD)/rooms.a
	@echo "  LD   $@"
	@$(LINK) -o $@ $^ $(LDLIBS)

$(TOOL): $(TOOL_OBJECT) $(BUILD)/rooms.a
	@echo "  LD   $@"
	@$(LINK) -o $@ $^ $(LDLIBS)

# A program takes out of this archive what it uses; a unit test of xml/ needs nothing of session/.
$(BUILD)/rooms.a: $(ROOM_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/test/test_%: $(BUILD)/test/test_%.o $(TEST_OBJECTS) $(BUILD)/rooms.a
	@echo "  LD   $@"
	@$(LINK) -o $@ $^ -lcmocka $(LDLIBS)

$(BUILD)/test/bench/load: $(call objects,$(filter-out %/limits.c,$(BENCH)))
	@echo "  LD   $@"
	@$(LINK) -o $@ $^ -lssl -lcrypto

$(BUILD)/test/bench/limits: $(BUILD)/test/bench/limits.o
	@echo "  LD   $@"
	@$(LINK) -o $@ $^ -lxml2 -lssl -lcrypto

# Its requests are not admin/http_listener.c's, and the handlers of its rows not the console's
$(BUILD)/test/fuzz/fuzz_web_gate: LINK += $(foreach name,method path query body header peer,-Wl,--wrap=http_request_$(name)) -Wl,--wrap=web_routes_find

$(BUILD)/test/fuzz/fuzz_%: $(BUILD)/test/fuzz/fuzz_%.o $(call objects,$(ORACLES)) $(BUILD)/rooms.a
	@echo "  LD   $@"
	@$(LINK) -fsanitize=fuzzer -o $@ $^ -lexpat $(LDLIBS)

# The files that the web console shows as they are, which the assembler takes in
$(BUILD)/admin/web_assets.o: $(wildcard admin/web_console*.css admin/web_console*.js admin/web_console*.svg)

$(BUILD)/%.o: %.c Makefile | packages
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(COMPILE) -c -o $@ $<

-include $(patsubst %.o,%.d,$(ROOM_OBJECTS) $(ROOT_OBJECT) $(TOOL_OBJECT) $(TEST_OBJECTS) $(call objects,$(TESTS) $(BENCH) $(TARGETS) $(ORACLES)))
