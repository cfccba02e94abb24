/* Times of the older dialects and FILETIME: SMB_DATE and SMB_TIME ([MS-CIFS] 2.2.1.4.1, 2.2.1.4.2: two seconds, 1980 to 2107) and UTIME
 * (2.2.1.4.3: seconds since 1970). Both are in the server's local time: `zone` is its ServerTimeZone, minutes to add to
 * local time for UTC. */
#ifndef BASE_DOSTIME_H
#define BASE_DOSTIME_H

#include "base/bytes.h"

struct dos_time { uint16_t date, time; };

/* 0, 0 for times before 1980; the last one for times after 2107. Odd seconds are rounded down. */
struct dos_time dos_time_from_filetime(uint64_t ft, int zone);
/* 0 for 0, 0, for all ones, and for what is no date. */
uint64_t dos_time_to_filetime(struct dos_time t, int zone);

/* 0 for times before 1970; 0xFFFFFFFE for those after 2106. */
uint32_t utime_from_filetime(uint64_t ft, int zone);
/* 0 for 0 and for 0xFFFFFFFF, which both mean "no time". */
uint64_t utime_to_filetime(uint32_t t, int zone);

#endif
