#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A value that one thread at a time may touch, and a way to wait until it changes.
///
/// A pthread mutex, because `Synchronization.Mutex` has no condition to wait on and gives false reports under
/// ThreadSanitizer. `@unchecked Sendable`: `value` is only reached while the mutex is held.
@safe final class Guarded<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: Value) {
        self.value = value
        // Both cannot fail with default attributes on the platforms we run on.
        unsafe precondition(pthread_mutex_init(mutex, nil) == 0)
        unsafe precondition(pthread_cond_init(changed, nil) == 0)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// - Parameter ready: waits until this holds; it is asked again after each `announceChange()`.
    func withLock<Result, Failure: Error>(
        when ready: ((Value) -> Bool)? = nil, _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        if let ready {
            while !ready(value) { unsafe pthread_cond_wait(changed, mutex) }
        }
        return try body(&value)
    }

    /// Wakes those who wait in `withLock(when:)`.
    func announceChange() {
        unsafe pthread_cond_broadcast(changed)
    }
}
