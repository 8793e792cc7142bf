#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// send(2) that reports a peer who has gone instead of ending the process. Under a name that no method hides.
func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
    unsafe send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
    unsafe send(descriptor, bytes.baseAddress, bytes.count, 0)
    #endif
}
