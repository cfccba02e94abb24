#!/usr/bin/env bash
# Clients that nobody here wrote against our server, over every dialect, signed and encrypted, and our client against Debian's
# smbd. Prints `ok NAME` and `not ok NAME`. SIZE_MB is the size of the file that is moved (default 1024); HYTHE is the command
# under test. A function smb_X is the case X of each row of the matrix.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SIZE_MB=${SIZE_MB:-1024}
export HYTHE_PASSWORD='interop pass-Word 1'
user=ann
mkdir -p "$work/pub" "$work/state" "$work/ro" "$work/open" "$big/share"
echo frozen >"$work/ro/file"
echo welcome >"$work/open/file"

# The file that is moved is made once; a mebibyte of noise repeated, with a counter so that no two mebibytes are equal.
source_file=$big/source
python3 - "$SIZE_MB" >"$source_file" <<'PY'
import os, sys
noise = os.urandom(1 << 20)
for i in range(int(sys.argv[1])):
    sys.stdout.buffer.write(i.to_bytes(8, "little") + noise[8:])
PY
source_sha=$(sha "$source_file")

# smb PORT DIALECT PROTECTION SHARE COMMANDS
smb() {
	timeout 300 smbclient -p "$1" "//127.0.0.1/$4" -U "$user%$HYTHE_PASSWORD" -m "$2" --client-protection="$3" \
		--option='client min protocol=SMB2_02' --option="client max protocol=$2" -c "$5" 2>&1
}

says() { grep -q -- "$1" <<<"$2" || { echo "wanted '$1' in: $2"; return 1; }; }

smb_dialect() {
	says "negotiated dialect\[$2\]" "$(smbclient -d 4 -p "$1" "//127.0.0.1/pub" -U "$user%$HYTHE_PASSWORD" --client-protection="$3" \
		--option='client min protocol=SMB2_02' --option="client max protocol=$2" -c ls 2>&1)"
}

smb_list() {
	local out
	touch "$work/pub/one file" "$work/pub/Zwölf"
	out=$(smb "$1" "$2" "$3" pub ls) && says 'one file' "$out" && says 'Zwölf' "$out" && says 'blocks of size' "$out"
}

smb_put() {
	local out
	out=$(smb "$1" "$2" "$3" big "put $source_file moved") || { echo "$out"; return 1; }
	[ "$(sha "$big/share/moved")" = "$source_sha" ] || { echo "the file on the server differs"; return 1; }
}

smb_get() {
	local out
	out=$(smb "$1" "$2" "$3" big "get moved $big/back") || { echo "$out"; return 1; }
	[ "$(sha "$big/back")" = "$source_sha" ] || { echo "the file that came back differs"; return 1; }
	rm -f "$big/back"
}

smb_mkdir() {
	local out
	out=$(smb "$1" "$2" "$3" pub 'mkdir "a dir"; cd "a dir"; mkdir inner; ls') && [ -d "$work/pub/a dir/inner" ] && says inner "$out"
}

smb_rename() {
	local out
	echo text >"$work/pub/old name"
	out=$(smb "$1" "$2" "$3" pub 'rename "old name" "new name"; rename "a dir" "b dir"') || { echo "$out"; return 1; }
	[ ! -e "$work/pub/old name" ] && [ "$(cat "$work/pub/new name")" = text ] && [ -d "$work/pub/b dir/inner" ] || { echo "$out"; return 1; }
}

# smbclient gives up where a file has no 8.3 name; like a Windows volume without them, we only name those that are short already.
smb_allinfo() {
	local out
	echo text >"$work/pub/info.txt"
	out=$(smb "$1" "$2" "$3" pub 'allinfo info.txt') && says 'create_time' "$out" && says '::\$DATA' "$out"
}

smb_delete() {
	local out
	out=$(smb "$1" "$2" "$3" pub 'del "new name"; rmdir "b dir/inner"; rmdir "b dir"') || { echo "$out"; return 1; }
	[ ! -e "$work/pub/new name" ] && [ ! -e "$work/pub/b dir" ] || { echo "still there: $out"; return 1; }
}

smb_shares() {
	local out
	out=$(smbclient -g -p "$1" -L //127.0.0.1 -U "$user%$HYTHE_PASSWORD" --client-protection="$3" \
		--option='client min protocol=SMB2_02' --option="client max protocol=$2" 2>&1)
	says 'Disk|pub|' "$out" && says 'Disk|big|' "$out" && says 'IPC|IPC\$|' "$out"
}

matrix() { # PORT PROTECTION DIALECT...
	local port=$1 protection=$2 dialect case
	shift 2
	for dialect; do
		for case in dialect list put get mkdir rename allinfo delete shares; do
			check "smbclient/$dialect/$protection/smb_$case" "smb_$case" "$port" "$dialect" "$protection"
		done
	done
}

# The size that has no second server: what each of ours serves.
shares=(--share "pub=$work/pub" --share "big=$big/share" --state "$work/state" --user "$user")
printf '[server]\nmin-dialect = 2.0.2\n' >"$work/signed.conf"
printf '[server]\nencryption = required\n' >"$work/sealed.conf"
start_hythe signed --config "$work/signed.conf" "${shares[@]}" || exit 1
start_hythe sealed --config "$work/sealed.conf" "${shares[@]}" || exit 1

matrix "$signed" sign SMB2_02 SMB2_10 SMB3_00 SMB3_02 SMB3_11
matrix "$sealed" encrypt SMB3_00 SMB3_02 SMB3_11

unencrypted_is_refused() {
	local out
	out=$(smb "$sealed" SMB2_10 sign pub ls) && { echo "was let in: $out"; return 1; }
	says 'NT_STATUS_ACCESS_DENIED\|NT_STATUS_NOT_SUPPORTED' "$out"
}

old_dialect_is_refused_by_default() {
	local out
	out=$(smb "$sealed" SMB2_02 sign pub ls) && { echo "was let in: $out"; return 1; }
	says 'NT_STATUS_NOT_SUPPORTED' "$out"
}

wrong_password_is_refused() {
	local out name
	for name in "$user" nobody-of-that-name; do
		out=$(smbclient -p "$signed" //127.0.0.1/pub -U "$name%wrong" -c ls 2>&1) && { echo "$name was let in: $out"; return 1; }
		says NT_STATUS_LOGON_FAILURE "$out" || return 1
	done
}

unknown_share_is_named() {
	local out
	out=$(smb "$signed" SMB3_11 sign absent ls) && return 1
	says NT_STATUS_BAD_NETWORK_NAME "$out"
}

no_way_out_of_the_share() {
	local out
	ln -sfn /etc "$work/pub/out"
	ln -sfn ../../../../etc/passwd "$work/pub/up"
	out=$(smb "$signed" SMB3_11 sign pub "get out/passwd $work/stolen; get up $work/stolen; get ..\\..\\..\\etc\\passwd $work/stolen")
	rm -f "$work/pub/out" "$work/pub/up"
	[ ! -s "$work/stolen" ] || { echo "a file came out: $out"; return 1; }
}

check smbclient/unencrypted_is_refused unencrypted_is_refused
check smbclient/old_dialect_is_refused_by_default old_dialect_is_refused_by_default
check smbclient/wrong_password_is_refused wrong_password_is_refused
check smbclient/unknown_share_is_named unknown_share_is_named
check smbclient/no_way_out_of_the_share no_way_out_of_the_share

. "$here/serve.sh"

# impacket sends a NEGOTIATE and an NTLM message without a Version field.
impacket_transfers() {
	local out
	head -c 20000000 "$source_file" >"$work/small"
	out=$(printf 'shares\nuse pub\nmkdir imp\ncd imp\nput %s\nls\nget small\nrm small\ncd ..\nrmdir imp\n' "$work/small" |
		(cd "$big" && timeout 120 /usr/bin/python3 "$here/impacket_shell.py" 127.0.0.1 "$signed" "$user" "$HYTHE_PASSWORD" "$1") 2>&1)
	says '^pub' "$out" && says ' small' "$out" && cmp "$work/small" "$big/small" && [ ! -e "$work/pub/imp" ] || { echo "$out"; return 1; }
	rm -f "$big/small"
}
for dialect in 2.0.2 2.1 3.0; do
	check "impacket/$dialect/impacket_transfers" impacket_transfers "$dialect"
done

rm -f "$big"/share/* "$source_file"
for script in client_vs_smbd smb1_client; do
	HYTHE=$HYTHE SIZE_MB=$SIZE_MB bash "$here/$script.sh" || failures=$((failures + 1))
done
HYTHE=$HYTHE bash "$here/smb1.sh" || failures=$((failures + 1))
HYTHE=$HYTHE bash "$here/compare.sh" || failures=$((failures + 1))
HYTHE=$HYTHE bash "$here/streams_vs_smbd.sh" || failures=$((failures + 1))
HYTHE=$HYTHE bash "$here/local.sh" || failures=$((failures + 1))
HYTHE=$HYTHE bash "$here/samba_share.sh" || failures=$((failures + 1))
HYTHE=$HYTHE bash "$here/trace.sh" || failures=$((failures + 1))
HYTHE=$HYTHE bash "$here/bench.sh" || failures=$((failures + 1))
[ "$failures" = 0 ]
