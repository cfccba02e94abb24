#!/bin/sh
# run.sh SECONDS [PATTERN]: builds the fuzz targets with clang, ASan and UBSan in build/fuzz and runs each whose name matches the
# shell pattern for that long, two at a time. The wire target runs once for every structure. What a run learns stays in
# build/fuzz/corpus; a finding stops everything, and its input is in build/fuzz/findings. Called by `make fuzz`.
set -eu
seconds=${1:-60} pattern=${2:-*}
root=$(cd "$(dirname "$0")/.." && pwd)
build=${FUZZ_BUILD:-$root/build/fuzz}
jobs=${FUZZ_JOBS:-2}
[ -e "$build/build.ninja" ] || CC=clang meson setup "$build" "$root" -Dfuzz=true -Dtests=false -Db_sanitize=address,undefined \
	-Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
targets=$(ninja -C "$build" -t targets all | sed -n 's/^\(fuzz\/[^:]*\): c_LINKER.*/\1/p')
[ -n "$targets" ] || { echo "run.sh: no fuzz targets in $build" >&2; exit 1; }
# shellcheck disable=SC2086
ninja -C "$build" $targets >/dev/null
mkdir -p "$build/corpus" "$build/findings" "$build/logs"
sh "$root/scripts/fuzz-seeds.sh" "$build" "$build/corpus/wire"

one() { # name, program, corpus, row
	case $1 in $pattern) ;; *) return 0 ;; esac
	# A whole server touches so much that weighing the inputs by what is rare costs five times what running them does.
	schedule=""
	case $1 in fuzz_server_*) schedule=-entropic=0 ;; esac
	mkdir -p "$3"
	if HYTHE_FUZZ_ROW=$4 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 nice "$2" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
		-rss_limit_mb=2048 $schedule -artifact_prefix="$build/findings/$1-" -print_final_stats=1 "$3" >"$build/logs/$1" 2>&1; then
		echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/logs/$1") runs, nothing found"
	else
		echo "$1: FOUND SOMETHING, see $build/logs/$1"
		touch "$build/failed"
	fi
}

rm -f "$build/failed"
running=0
start() {
	[ ! -e "$build/failed" ] || return 0
	one "$@" &
	running=$((running + 1))
	[ $((running % jobs)) != 0 ] || wait
}
for t in $targets; do
	case $t in
	*/fuzz_wire)
		for row in $(HYTHE_FUZZ_ROW=list "$build/$t"); do
			start "wire-$row" "$build/$t" "$build/corpus/wire/$row" "$row"
		done ;;
	*/fuzz_*) start "$(basename "$t")" "$build/$t" "$build/corpus/$(basename "$t")" "" ;;
	esac
done
wait
[ ! -e "$build/failed" ]
