import CGatehouseOpenSSL

/// One `BIGNUM`, wiped and freed once.
@safe struct BigNumber: ~Copyable {
    let raw: OpaquePointer

    /// Takes it over.
    init(taking raw: OpaquePointer) { unsafe self.raw = raw }

    init(_ value: UInt) throws(CryptographyError) {
        guard let raw = unsafe BN_new() else { throw .library("making a number") }
        guard unsafe BN_set_word(raw, .init(value)) == 1 else {
            unsafe BN_free(raw)
            throw .library("making a number")
        }
        unsafe self.raw = raw
    }

    init(littleEndian bytes: [UInt8]) throws(CryptographyError) {
        guard let raw = unsafe BN_lebin2bn(bytes, Int32(bytes.count), nil) else {
            throw .library("making a number")
        }
        unsafe self.raw = raw
    }

    init(bigEndian bytes: some Collection<UInt8>) throws(CryptographyError) {
        let bytes = Array(bytes)
        guard let raw = unsafe BN_bin2bn(bytes, Int32(bytes.count), nil) else { throw .library("making a number") }
        unsafe self.raw = raw
    }

    /// A private number. It is marked, so that libcrypto wipes the copies that it makes on the way into a key.
    init(secret: SecretBytes) throws(CryptographyError) {
        guard let empty = unsafe BN_secure_new() else { throw .library("making a number") }
        let filled = unsafe secret.withBytes { bytes in
            unsafe BN_bin2bn(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count), empty)
        }
        guard let filled = unsafe filled else {
            unsafe BN_free(empty)
            throw .library("making a number")
        }
        unsafe raw = filled
    }

    deinit { unsafe BN_clear_free(raw) }

    var isZero: Bool { unsafe BN_is_zero(raw) == 1 }

    /// Octets of the shortest big-endian form; 0 for zero.
    var size: Int { (unsafe Int(BN_num_bits(raw)) + 7) / 8 }

    /// Big-endian, with leading zeros up to `size` octets, which must be enough.
    func bytes(size: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        let written = unsafe BN_bn2binpad(raw, &bytes, Int32(size))
        precondition(written == size, "a number is longer than its place")
        return bytes
    }
}
