#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Time since some moment, for measuring how long something took.
func monotonicNanoseconds() -> UInt64 {
    #if canImport(Glibc)
    // Milliseconds are precise enough, and this clock costs a few nanoseconds.
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    #else
    return clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW_APPROX)
    #endif
}
