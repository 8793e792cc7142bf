import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Runs `body` on a new thread that nobody joins; it says itself when it is done.
func startThread(_ body: @escaping @Sendable () -> Void) throws(StorageError) {
    let start = unsafe Unmanaged.passRetained(ThreadStart(body))
    #if canImport(Glibc)
    var thread = pthread_t()
    #else
    var thread: pthread_t?
    #endif
    let result = unsafe pthread_create(&thread, nil, runThread, start.toOpaque())
    guard result == 0 else {
        unsafe start.release()
        throw StorageError(.outOfMemory, message: "cannot start a thread: error \(result)")
    }
    #if canImport(Glibc)
    pthread_detach(thread)
    #else
    if let thread = unsafe thread { unsafe pthread_detach(thread) }
    #endif
}

private final class ThreadStart: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

#if canImport(Glibc)
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    // The reference that `startThread` passed on, taken over once.
    let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    start.body()
    return nil
}
#else
private func runThread(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    // The reference that `startThread` passed on, taken over once.
    let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    start.body()
    return nil
}
#endif
