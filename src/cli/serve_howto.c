/* What `hythe serve` says when it is up: shares, user, and what to type or click on Windows, macOS and Linux. */
#include "cli/serve.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMB_PORT = 445 };

/* The first IPv4 address that others can reach. */
static bool own_address(char *out, size_t cap)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)i->ifa_addr;

		if (in && in->sin_family == AF_INET && (i->ifa_flags & IFF_UP) != 0 && (i->ifa_flags & IFF_LOOPBACK) == 0)
			found = inet_ntop(AF_INET, &in->sin_addr, out, (socklen_t)cap) != NULL;
	}
	freeifaddrs(all);
	return found;
}

/* The address behind nbss:, which NetBIOS sessions come to; else NULL. */
static const char *nbss_address(const char *listen)
{
	return strncmp(listen, "nbss:", 5) == 0 ? listen + 5 : NULL;
}

static void print_address(const char *listen, unsigned port)
{
	const char *nbss = nbss_address(listen), *address = nbss ? nbss : listen, *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;

	printf("%son %.*s:%u", nbss ? "for NetBIOS sessions " : "", len ? (int)len : 1, len ? address : "*", port);
}

/* What clients are to type for the host of a listen address: itself, or one of ours when it is every address. */
static void host_of(const char *listen, char *out, size_t cap)
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon ? (size_t)(colon - listen) : strlen(listen);

	snprintf(out, cap, "%.*s", (int)len, listen);
	if (len == 0 || strcmp(out, "0.0.0.0") == 0 || strcmp(out, "[::]") == 0 || strcmp(out, "*") == 0) {
		if (!own_address(out, cap) && gethostname(out, cap) != 0)
			snprintf(out, cap, "localhost");
	}
}

/* A share's or user's name as it stands in a URL. */
static void url_escape(char *out, size_t cap, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~$";
	size_t n = 0;

	for (; *text && n + 4 <= cap; text++) {
		if ((unsigned char)*text >= 0x80 || strchr(plain, *text))
			out[n++] = *text;
		else
			n += (size_t)snprintf(out + n, cap - n, "%%%02X", (unsigned)(unsigned char)*text);
	}
	out[n] = 0;
}

static void print_ways(const char *host, unsigned port, const char *share, const char *user)
{
	char port_of_url[16] = "", at[800] = "", path[256];
	const char *quote = strpbrk(share, " '()&") ? "\"" : "";

	if (port != SMB_PORT)
		snprintf(port_of_url, sizeof(port_of_url), ":%u", port);
	if (user) {
		url_escape(at, sizeof(at) - 1, user);
		memcpy(at + strlen(at), "@", 2);
	}
	url_escape(path, sizeof(path), share);
	puts("Connect from");
	if (port == SMB_PORT)
		printf("  Windows  \\\\%s\\%s in the Explorer\n", host, share);
	else
		printf("  Windows  net use * %s\\\\%s\\%s%s /tcpport:%u   (Windows 11 24H2 and later; older ones only know port 445)\n", quote, host,
			share, quote, port);
	printf("  macOS    Finder, Go, Connect to Server: smb://%s%s%s/%s\n", at, host, port_of_url, path);
	printf("  Linux    the file manager: smb://%s%s/%s\n", host, port_of_url, path);
	printf("           smbclient -p %u %s//%s/%s%s %s%s\n", port, quote, host, share, quote, user ? "-U " : "-N", user ? user : "");
	printf("           sudo mount -t cifs %s//%s/%s%s /mnt -o port=%u,%s%s\n", quote, host, share, quote, port,
		user ? "username=" : "guest", user ? user : "");
	printf("           hythe ls smb://%s%s%s/%s\n", at, host, port_of_url, path);
}

/* A share's path, with %% as the percent sign that it is. */
static void print_path(const char *path)
{
	for (; *path; path++) {
		if (path[0] == '%' && path[1] == '%')
			path++;
		putchar(*path);
	}
}

void serve_howto_print(const struct hythe_server *s, const struct hythe_server_config *cfg, const struct serve_user *u)
{
	size_t direct = 0;
	bool smb1 = false;
	char host[256];

	for (size_t i = 0; i < cfg->listen_count; i++) {
		smb1 = smb1 || hythe_server_smb1(s, i);
		fputs("Listening ", stdout);
		print_address(cfg->listen[i], hythe_server_port(s, i));
		putchar('\n');
	}
	for (size_t i = 0; i < cfg->share_count; i++) {
		fputs("Sharing ", stdout);
		print_path(cfg->shares[i].path);
		printf(" as %s%s%s%s%s%s\n", cfg->shares[i].name, cfg->shares[i].read_only ? ", read-only" : "",
			cfg->shares[i].encrypt ? ", encrypted" : "", cfg->shares[i].guest ? ", open to guests" : "",
			smb1 && cfg->shares[i].smb1 ? ", to SMB1 as well" : "", smb1 && cfg->shares[i].smb1 && cfg->shares[i].ntlmv1 ? " (NTLMv1 too)" : "");
	}
	for (size_t i = 0; i < cfg->listen_count; i++) {
		if (!hythe_server_smb1(s, i))
			continue;
		fputs("SMB1 is spoken ", stdout);
		print_address(cfg->listen[i], hythe_server_port(s, i));
		puts(" with clients that know nothing newer: unencrypted, and weakly signed");
	}
	if (u->password[0])
		printf("User %s, password %s\n(shown this once; `hythe user passwd %s` sets another)\n", u->name, u->password, u->name);
	putchar('\n');
	/* What people have today knows direct TCP. */
	while (direct < cfg->listen_count && nbss_address(cfg->listen[direct]))
		direct++;
	if (direct == cfg->listen_count) {
		fflush(stdout);
		return;
	}
	host_of(cfg->listen[direct], host, sizeof(host));
	print_ways(host, hythe_server_port(s, direct), cfg->shares[0].name, cfg->guest && !u->name ? NULL : u->name ? u->name : "NAME");
	fflush(stdout);
}
