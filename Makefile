# Everything from a fresh Debian 12: each target installs the packages it needs (scripts/deps.sh), builds with meson and ninja
# into build/, and does its work.
#   make                     builds build/release
#   make serve [DIR=DIR]     serves a directory (default ~/Public); ARGS="--guest ..." is handed to `hythe serve`
#   make check [PARTS="..."] lints, builds, tests; see scripts/check.py for the parts
#   make install PREFIX=DIR  bin/hythe, lib/, include/, share/man, of a build that was trained (scripts/trained.py; TRAIN=no: of a plain one)
#   make ledgers             after new tests: evidence, README table, manual page
#   make bench [ARGS="--quick --rows read*,oqc --json FILE --report"]  compares with smbd; --report writes docs/performance.md
#   make fuzz, make lint, make clean

PREFIX ?= /usr/local
DIR ?= ~/Public
ARGS ?=
PARTS ?=
SECONDS_PER_TARGET ?= 60

all: build/release/build.ninja
	ninja -C build/release

build/release/build.ninja:
	@sh scripts/deps.sh build
	meson setup build/release --buildtype=release -Dwerror=false -Dtests=false

serve: all
	@d='$(DIR)'; case $$d in "~"*) d=$$HOME$${d#"~"} ;; esac; \
	if [ ! -e "$$d" ]; then echo "make serve: making the directory $$d"; mkdir "$$d" || exit 1; fi; \
	exec build/release/src/cli/hythe serve "$$d" $(ARGS)

check:
	@sh scripts/deps.sh check
	@python3 scripts/check.py $(PARTS)

lint:
	@command -v python3 >/dev/null || sh scripts/deps.sh build
	@python3 scripts/check.py lint

install:
	@sh scripts/deps.sh build
	@python3 -B scripts/trained.py build/trained
	meson configure build/trained --prefix="$$(realpath -m '$(PREFIX)')" --libdir=lib
	ninja -C build/trained
	meson install -C build/trained --no-rebuild --quiet
	@echo "installed below $(PREFIX)"

# Writes what is generated: the ledger's evidence, the README's table, the manual of the configuration.
ledgers:
	python3 -B scripts/ledger.py update
	python3 -B scripts/readme.py update
	python3 -B scripts/conf_man.py update

bench:
	@sh scripts/deps.sh bench
	@sh bench/run.sh $(ARGS)

fuzz:
	@sh scripts/deps.sh fuzz
	@sh fuzz/run.sh $(SECONDS_PER_TARGET)

clean:
	rm -rf build


.PHONY: all serve check lint install ledgers bench fuzz clean
