// Whether the kernel's clock is kept right by somebody (adjtimex(2)), which Swift's Glibc lacks.
#include <sys/timex.h>

// 1 when it is, 0 when it is not, -1 when the kernel does not say.
static inline int gatehouse_clock_is_kept(void) {
    struct timex state = {.modes = 0};
    int verdict = adjtimex(&state);
    if (verdict < 0) return -1;
    return verdict != TIME_ERROR && !(state.status & STA_UNSYNC);
}
