/* The log: lines to standard error, or to a function that an embedding program sets. Thread-safe. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

#include <stdarg.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* Lines above this level are not formatted. Default LOG_WARN. */
extern _Atomic int log_level;

/* NULL goes back to standard error. */
void log_sink(void (*fn)(enum log_level level, const char *line, void *arg), void *arg);

/* false when the name is none of error, warn, info, debug, trace. */
bool log_level_parse(const char *name, enum log_level *out) MUST_USE;

void log_line(enum log_level level, const char *fmt, ...) COLD __attribute__((format(printf, 2, 3)));

#define LOG(level, ...)                                                                                                \
	do {                                                                                                           \
		if ((int)(level) <= log_level)                                                                         \
			log_line(level, __VA_ARGS__);                                                                  \
	} while (0)
#define log_error(...) LOG(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG(LOG_DEBUG, __VA_ARGS__)
#define log_trace(...) LOG(LOG_TRACE, __VA_ARGS__)

#endif
