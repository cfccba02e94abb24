/* Security identifiers on the wire and as text. [MS-DTYP] 2.4.2. */
#include "wire/secdesc.h"

#include "wire/wire_internal.h"

#include <stdio.h>

/* [MS-DTYP] 2.4.2.2 */
void sid_code(struct wire *w, const char *name, struct sid *m)
{
	if (w->dir == WIRE_PRINT) {
		char text[SID_TEXT_CHARS];

		sid_text(text, m);
		wire_print_line(w, name, text);
		return;
	}
	wire_u8(w, "Revision", &m->revision);
	wire_u8(w, "SubAuthorityCount", &m->sub_count);
	if (w->dir == WIRE_GENERATE) {
		m->revision = 1;
		m->sub_count = (uint8_t)wire_random(w, SID_MAX_SUBS + 1);
	}
	if (m->revision != 1 || m->sub_count > SID_MAX_SUBS) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		m->sub_count = 0;
	}
	wire_bytes(w, "IdentifierAuthority", m->authority, sizeof(m->authority));
	for (size_t i = 0; i < m->sub_count && i < SID_MAX_SUBS; i++)
		wire_u32(w, "SubAuthority", &m->subs[i]);
}

bool sid_equal(const struct sid *a, const struct sid *b)
{
	return a->revision == b->revision && a->sub_count == b->sub_count && memcmp(a->authority, b->authority, 6) == 0 &&
		memcmp(a->subs, b->subs, 4 * (size_t)a->sub_count) == 0;
}

static uint64_t authority_of(const struct sid *s)
{
	uint64_t v = 0;

	for (size_t i = 0; i < sizeof(s->authority); i++)
		v = v << 8 | s->authority[i];
	return v;
}

/* [MS-DTYP] 2.4.2.1: an authority that does not fit into 32 bits is hexadecimal. */
void sid_text(char out[SID_TEXT_CHARS], const struct sid *s)
{
	uint64_t authority = authority_of(s);
	size_t n;

	n = (size_t)snprintf(out, SID_TEXT_CHARS, authority >> 32 ? "S-%u-0x%012llX" : "S-%u-%llu", s->revision,
		(unsigned long long)authority);
	for (size_t i = 0; i < s->sub_count && i < SID_MAX_SUBS && n < SID_TEXT_CHARS; i++)
		n += (size_t)snprintf(out + n, SID_TEXT_CHARS - n, "-%u", s->subs[i]);
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (unsigned)((c | 0x20) - 'a') + 10;
	return 99;
}

/* One number of at most `max`; what follows it must be a dash or the end. */
static bool number_from_text(const char **p, unsigned base, uint64_t max, uint64_t *v)
{
	const char *start = *p;

	*v = 0;
	for (; digit_value(**p) < base; (*p)++) {
		*v = *v * base + digit_value(**p);
		if (*v > max)
			return false;
	}
	return *p != start && (**p == 0 || **p == '-');
}

bool sid_from_text(struct sid *s, const char *text)
{
	uint64_t v = 0;
	bool hex;

	*s = (struct sid){.revision = 1};
	if (strncmp(text, "S-1-", 4) != 0 && strncmp(text, "s-1-", 4) != 0)
		return false;
	text += 4;
	hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	text += hex ? 2 : 0;
	if (!number_from_text(&text, hex ? 16 : 10, 0xFFFFFFFFFFFFu, &v))
		return false;
	for (size_t i = 0; i < sizeof(s->authority); i++)
		s->authority[i] = (uint8_t)(v >> (8 * (5 - i)));
	while (*text == '-') {
		text++;
		if (s->sub_count == SID_MAX_SUBS || !number_from_text(&text, 10, UINT32_MAX, &v))
			return false;
		s->subs[s->sub_count++] = (uint32_t)v;
	}
	return *text == 0;
}

struct sid sid_make(uint8_t authority, uint8_t sub_count, const uint32_t *subs)
{
	struct sid s = {.revision = 1, .sub_count = sub_count, .authority = {0, 0, 0, 0, 0, authority}};

	for (size_t i = 0; i < sub_count && i < SID_MAX_SUBS; i++)
		s.subs[i] = subs[i];
	return s;
}
