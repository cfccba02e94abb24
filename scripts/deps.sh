#!/bin/sh
# deps.sh [build|check|bench|fuzz]...: installs the Debian packages that are missing for what is named (default: build), and
# nothing when none is. Called by the Makefile. HYTHE_DEPS=no turns it off, for systems without apt.
set -eu

# meson needs pkg-config by that name; libc6-dev comes with no package named here unless it is asked for.
build="gcc libc6-dev pkg-config meson ninja-build libssl-dev nettle-dev libinih-dev"
# Only where there are processors for it; src/crypto/wide.h.
[ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] || build="$build libipsec-mb-dev"
check="$build clang libcmocka-dev zstd smbclient samba samba-vfs-modules samba-testsuite python3-impacket procps iproute2 tshark chromium"
bench="$build samba samba-vfs-modules smbclient procps python3"
fuzz="$build clang llvm libclang-rt-14-dev"

[ "${HYTHE_DEPS:-yes}" = no ] && exit 0

want=
for part in "${@:-build}"; do
	case $part in
	build) want="$want $build" ;;
	check) want="$want $check" ;;
	bench) want="$want $bench" ;;
	fuzz) want="$want $fuzz" ;;
	*) echo "deps.sh: unknown part '$part'; known: build check bench fuzz" >&2; exit 2 ;;
	esac
done

if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps.sh: this is not a Debian system. Install the equivalents of:" >&2
	for p in $want; do echo "$p"; done | sort -u | tr '\n' ' ' >&2
	printf '\nand run make again with HYTHE_DEPS=no.\n' >&2
	exit 1
fi

missing=
for p in $(for q in $want; do echo "$q"; done | sort -u); do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
# A name that is provided by another package (pkg-config by pkgconf) counts as installed.
still=
for p in $missing; do
	case $p in
	pkg-config) command -v pkg-config >/dev/null 2>&1 || still="$still $p" ;;
	*) still="$still $p" ;;
	esac
done
missing=$still
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "deps.sh: these Debian packages are missing; as root run:" >&2
		echo "    apt-get install -y --no-install-recommends$missing" >&2
		exit 1
	fi
	root=sudo
fi

apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

update() {
	echo "deps.sh: reading the package lists (apt-get update)"
	apt update
}

# Installing samba must not start a file server on this machine: no services are started while we install, and those that
# were not here before are not started at the next boot either.
services=
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() { [ -z "$made_policy" ] || $root rm -f "$policy"; }
trap cleanup EXIT
trap 'exit 130' INT TERM
case " $missing " in
*" samba "*)
	services="smbd nmbd samba-ad-dc"
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
		$root chmod 755 "$policy"
		made_policy=yes
	fi
	;;
esac

echo "deps.sh: installing Debian packages:$missing"
for p in $missing; do
	if ! apt-cache show "$p" >/dev/null 2>&1; then
		update
		break
	fi
done
# Stale lists name versions that the mirror has no more: read them anew and try once more.
# shellcheck disable=SC2086
apt install --no-install-recommends $missing || { update && apt install --no-install-recommends $missing; }

if [ -n "$services" ] && [ -d /run/systemd/system ]; then
	for s in $services; do $root systemctl disable --quiet "$s" 2>/dev/null || true; done
	echo "deps.sh: samba was installed as a test peer; its services are not started"
fi
