/* Names and patterns: [MS-FSCC] 2.1.5 (what a path may contain), [MS-FSA] 2.1.4.4 (what a pattern matches). UTF-16LE. */
#include "fsa/fsa.h"

#include "base/utf16.h"

enum { MAX_COMPONENT_UNITS = 255 };

static bool unit_is_wildcard(uint16_t c)
{
	return c == '*' || c == '?' || c == '<' || c == '>' || c == '"';
}

/* One component, without its stream part. */
static ntstatus component_check(struct slice path, size_t from, size_t to)
{
	if (from == to || to - from > MAX_COMPONENT_UNITS)
		return STATUS_OBJECT_NAME_INVALID;
	for (size_t i = from; i < to; i++) {
		if (!vfs_unit_is_legal(utf16_at(path, i)))
			return STATUS_OBJECT_NAME_INVALID;
	}
	if (utf16_at(path, from) == '.' && to - from == 1)
		return STATUS_OBJECT_NAME_INVALID;
	if (utf16_at(path, from) == '.' && to - from == 2 && utf16_at(path, from + 1) == '.')
		return STATUS_OBJECT_PATH_SYNTAX_BAD;
	return STATUS_SUCCESS;
}

/* "stream", "stream:$DATA" or ":$DATA" behind the name's colon; what is left in *stream is the stream's own name. */
static ntstatus stream_check(struct slice tail, struct slice *stream)
{
	static const char type[] = "$DATA";
	size_t units = tail.len / 2, colon = units;

	for (size_t i = 0; i < units; i++) {
		uint16_t c = utf16_at(tail, i);

		if (c == ':' && colon == units)
			colon = i;
		else if (c == 0 || c == '/' || c == '\\' || c == ':')
			return STATUS_OBJECT_NAME_INVALID;
	}
	*stream = slice_of(tail.data, colon * 2);
	if (colon == units)
		return units == 0 || units > MAX_COMPONENT_UNITS ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
	if (units - colon - 1 != sizeof(type) - 1 || colon > MAX_COMPONENT_UNITS)
		return STATUS_OBJECT_NAME_INVALID;
	for (size_t i = 0; i < sizeof(type) - 1; i++) {
		if (utf16_upcase(utf16_at(tail, colon + 1 + i)) != (uint16_t)type[i])
			return STATUS_OBJECT_NAME_INVALID;
	}
	return STATUS_SUCCESS;
}

ntstatus fsa_path_check(struct slice path, struct slice *name, struct slice *stream)
{
	size_t units = path.len / 2, from = 0, i;
	ntstatus status;

	*name = path;
	*stream = slice_of(NULL, 0);
	if (path.len % 2 != 0)
		return STATUS_OBJECT_NAME_INVALID;
	if (units == 0)
		return STATUS_SUCCESS;
	if (utf16_at(path, 0) == '\\')
		return STATUS_INVALID_PARAMETER;
	for (i = 0; i < units && utf16_at(path, i) != ':'; i++) {
		if (utf16_at(path, i) != '\\')
			continue;
		status = component_check(path, from, i);
		if (!nt_ok(status))
			return status;
		from = i + 1;
	}
	/* A colon first: a stream of the root directory. */
	if (i > 0) {
		status = component_check(path, from, i);
		if (!nt_ok(status))
			return status;
	}
	if (i == units)
		return STATUS_SUCCESS;
	*name = slice_of(path.data, i * 2);
	return stream_check(slice_of(path.data + 2 * (i + 1), path.len - 2 * (i + 1)), stream);
}

bool fsa_name_has_wildcards(struct slice name)
{
	for (size_t i = 0; i < name.len / 2; i++) {
		if (unit_is_wildcard(utf16_at(name, i)))
			return true;
	}
	return false;
}

/* Length in units of the ASCII word at s[from], compared without case; 0: another word. */
static bool word_is(struct slice s, size_t from, size_t to, const char *word)
{
	size_t n = strlen(word);

	if (to - from != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (utf16_upcase(utf16_at(s, from + i)) != (uint16_t)word[i])
			return false;
	}
	return true;
}

bool fsa_name_is_device(struct slice path)
{
	static const char *const plain[] = {"PRN", "AUX", "NUL", "CON", "CLOCK$"};
	size_t to = path.len / 2, from = to;

	while (from > 0 && utf16_at(path, from - 1) != '\\')
		from--;
	if (to - from < 3 || to - from > 6)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (word_is(path, from, to, plain[i]))
			return true;
	}
	if (to - from != 4 || utf16_at(path, to - 1) < '1' || utf16_at(path, to - 1) > '9')
		return false;
	return word_is(path, from, to - 1, "COM") || word_is(path, from, to - 1, "LPT");
}

static uint16_t fold(uint16_t c, bool ignore_case)
{
	return ignore_case ? utf16_upcase(c) : c;
}

/* Patterns of * and ? alone: the last star is the only one that ever needs to take more, so going back to it is enough and
 * the time is bounded by the product of the lengths. */
static bool match_plain(struct slice p, struct slice n, bool ignore_case)
{
	size_t plen = p.len / 2, nlen = n.len / 2, pi = 0, ni = 0, star = SIZE_MAX, star_ni = 0;

	while (ni < nlen) {
		uint16_t c = pi < plen ? utf16_at(p, pi) : 0;

		if (pi < plen && c == '*') {
			star = pi++;
			star_ni = ni;
		} else if (pi < plen && (c == '?' || fold(c, ignore_case) == fold(utf16_at(n, ni), ignore_case))) {
			pi++;
			ni++;
		} else if (star != SIZE_MAX) {
			pi = star + 1;
			ni = ++star_ni;
		} else {
			return false;
		}
	}
	while (pi < plen && utf16_at(p, pi) == '*')
		pi++;
	return pi == plen;
}

/* The set of places in a pattern at which a match can stand, as a bitmap. */
struct places {
	uint64_t bits[FSA_PATTERN_MAX_UNITS / 64 + 1];
};

static void places_add(struct places *s, size_t i)
{
	s->bits[i / 64] |= 1ull << (i % 64);
}

static bool places_has(const struct places *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

/* Steps the set over one unit of the name (or its end): places that need no unit are added to `now`, those behind the unit to `next`. */
static void places_step(struct slice p, struct places *now, struct places *next, uint16_t c, bool at_end, bool last_dot, bool ignore_case)
{
	for (size_t i = 0; i < p.len / 2; i++) {
		uint16_t e;

		if (!places_has(now, i))
			continue;
		e = utf16_at(p, i);
		if (e == '*' || e == '<') {
			places_add(now, i + 1);
			/* < goes up to the last dot and ends with that. */
			if (!at_end)
				places_add(next, e == '<' && last_dot ? i + 1 : i);
		} else if (e == '>') {
			if (at_end || c == '.')
				places_add(now, i + 1);
			else
				places_add(next, i + 1);
		} else if (e == '"') {
			if (at_end)
				places_add(now, i + 1);
			else if (c == '.')
				places_add(next, i + 1);
		} else if (!at_end && (e == '?' || fold(e, ignore_case) == fold(c, ignore_case))) {
			places_add(next, i + 1);
		}
	}
}

/* With the DOS forms: all places at once, unit by unit. */
static bool match_dos(struct slice p, struct slice n, bool ignore_case)
{
	struct places now = {{1}}, next;
	size_t nlen = n.len / 2, last_dot = SIZE_MAX;

	for (size_t i = 0; i < nlen; i++) {
		if (utf16_at(n, i) == '.')
			last_dot = i;
	}
	for (size_t i = 0; i < nlen; i++) {
		next = (struct places){{0}};
		places_step(p, &now, &next, utf16_at(n, i), false, i == last_dot, ignore_case);
		now = next;
	}
	places_step(p, &now, &next, 0, true, false, ignore_case);
	return places_has(&now, p.len / 2);
}

bool fsa_name_match(struct slice pattern, struct slice name, bool ignore_case)
{
	if (pattern.len / 2 > FSA_PATTERN_MAX_UNITS)
		return false;
	for (size_t i = 0; i < pattern.len / 2; i++) {
		uint16_t c = utf16_at(pattern, i);

		if (c == '<' || c == '>' || c == '"')
			return match_dos(pattern, name, ignore_case);
	}
	return match_plain(pattern, name, ignore_case);
}
