import CGatehouseOpenSSL

/// Octets that must not stay behind in memory or appear in a log: wiped when the last owner is gone.
///
/// Sendable because the memory never changes after `init`.
@safe package final class SecretBytes: @unchecked Sendable, CustomStringConvertible, CustomReflectable {
    private let memory: UnsafeMutableRawBufferPointer

    package init(_ bytes: [UInt8]) {
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        unsafe memory.copyBytes(from: bytes)
    }

    deinit {
        unsafe OPENSSL_cleanse(memory.baseAddress, memory.count)
        unsafe memory.deallocate()
    }

    package var count: Int { unsafe memory.count }

    /// The pointer is good during the call only.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        unsafe try body(UnsafeRawBufferPointer(memory))
    }

    /// A copy that nobody wipes; for writing a key down.
    package var copy: [UInt8] { unsafe withBytes { unsafe Array($0) } }

    package var description: String { "[secret]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension SecretBytes: Equatable {
    /// In constant time; only the lengths show.
    package static func == (a: SecretBytes, b: SecretBytes) -> Bool {
        unsafe a.count == b.count && CRYPTO_memcmp(a.memory.baseAddress, b.memory.baseAddress, a.count) == 0
    }
}
