import CGatehouseOpenSSL

/// ECDSA signatures (FIPS 186-5 §6) over the curves of NIST.
package enum ECDSA {
    package enum Curve: Sendable, CaseIterable {
        case p256, p384, p521

        /// Octets of a coordinate, and of the numbers up to the group order.
        package var size: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }

        /// libcrypto's name for it.
        var name: String {
            switch self {
            case .p256: "P-256"
            case .p384: "P-384"
            case .p521: "P-521"
            }
        }
    }

    package struct PublicKey: Sendable, Equatable {
        package let curve: Curve
        /// Big-endian, as long as the curve says.
        package let x, y: [UInt8]
        fileprivate let key: EVPKey

        /// - Throws: `.invalidKey` for coordinates of another length and for what is no point of the curve.
        package init(_ curve: Curve, x: [UInt8], y: [UInt8]) throws(CryptographyError) {
            try self.init(curve, x: x, y: y, secret: nil)
        }

        fileprivate init(
            _ curve: Curve, x: [UInt8], y: [UInt8], secret: SecretBytes?
        ) throws(CryptographyError) {
            guard x.count == curve.size, y.count == curve.size else {
                throw CryptographyError(
                    .invalidKey, "a coordinate of a \(curve.name) key has \(curve.size) octets")
            }
            // Uncompressed (SEC 1 §2.3.3).
            let point = [4] + x + y
            let raw: OpaquePointer?
            if let secret {
                let number = try BigNumber(secret: secret)
                unsafe raw = gatehouse_ec_key(curve.name, point, point.count, number.raw)
            } else {
                unsafe raw = gatehouse_ec_key(curve.name, point, point.count, nil)
            }
            guard let key = unsafe raw.map({ raw in unsafe EVPKey(taking: raw) }),
                key.isConsistent(isPair: secret != nil)
            else {
                ERR_clear_error()
                throw CryptographyError(
                    .invalidKey,
                    secret == nil
                        ? "the coordinates are no point of \(curve.name)"
                        : "the numbers of the \(curve.name) key do not belong together")
            }
            self.init(curve, x, y, key)
        }

        fileprivate init(_ curve: Curve, _ x: [UInt8], _ y: [UInt8], _ key: EVPKey) {
            self.curve = curve
            self.x = x
            self.y = y
            self.key = key
        }

        package static func == (a: PublicKey, b: PublicKey) -> Bool { a.curve == b.curve && a.x == b.x && a.y == b.y }

        /// - Parameter signature: r and s, each as long as a coordinate (RFC 7518 §3.4). False for any other length.
        package func isValid(_ signature: [UInt8], for message: [UInt8], hash: HashAlgorithm) -> Bool {
            guard signature.count == 2 * curve.size, let encoded = try? Signature(raw: signature, curve).der() else {
                return false
            }
            return key.isValid(encoded, for: message, hash: hash)
        }

        /// - Parameter signature: the SEQUENCE of r and s in DER (RFC 3279 §2.2.3). False for anything but DER, so that
        ///   one pair of numbers has one form.
        package func isValid(der signature: [UInt8], for message: [UInt8], hash: HashAlgorithm) -> Bool {
            // libcrypto writes what it has read again, and compares.
            key.isValid(signature, for: message, hash: hash)
        }

        /// The SEQUENCE of r and s in DER (RFC 3279 §2.2.3).
        ///
        /// - Parameter signature: r and s, each as long as a coordinate.
        package func der(of signature: [UInt8]) throws(CryptographyError) -> [UInt8] {
            try Signature(raw: signature, curve).der()
        }
    }

    package struct PrivateKey: Sendable {
        package let publicKey: PublicKey
        /// Big-endian, as long as the curve says.
        package let secret: SecretBytes

        /// - Throws: `.invalidKey` when a number has another length, or they do not belong together.
        package init(_ curve: Curve, x: [UInt8], y: [UInt8], secret: SecretBytes) throws(CryptographyError) {
            guard secret.count == curve.size else {
                throw CryptographyError(.invalidKey, "a private \(curve.name) key has \(curve.size) octets")
            }
            publicKey = try PublicKey(curve, x: x, y: y, secret: secret)
            self.secret = secret
        }

        package static func generate(_ curve: Curve) -> PrivateKey {
            do {
                guard let raw = unsafe gatehouse_generate_ec(curve.name) else {
                    throw CryptographyError.library("making a key")
                }
                return try PrivateKey(curve, unsafe EVPKey(taking: raw))
            } catch {
                preconditionFailure("libcrypto makes no \(curve.name) key: \(error)")
            }
        }

        /// - Parameter key: one that libcrypto made or checked itself.
        private init(_ curve: Curve, _ key: EVPKey) throws(CryptographyError) {
            let (x, y) = (try key.number("qx").bytes(size: curve.size), try key.number("qy").bytes(size: curve.size))
            publicKey = PublicKey(curve, x, y, key)
            secret = SecretBytes(try key.number("priv").bytes(size: curve.size))
        }

        /// - Returns: r and s, each as long as a coordinate (RFC 7518 §3.4).
        package func sign(_ message: [UInt8], hash: HashAlgorithm) throws(CryptographyError) -> [UInt8] {
            let curve = publicKey.curve
            // The longest DER: two INTEGERs of a sign octet and two octets of head each, and a SEQUENCE of three.
            let encoded = try publicKey.key.sign(message, hash: hash, size: 2 * (curve.size + 3) + 3)
            return try Signature(der: encoded).raw(curve)
        }
    }

    /// One `ECDSA_SIG`, freed once: what stands between the two ways to write a signature down.
    @safe private struct Signature: ~Copyable {
        private let pointer: OpaquePointer

        init(der: [UInt8]) throws(CryptographyError) {
            let pointer = unsafe der.withUnsafeBufferPointer { octets in
                var next = octets.baseAddress
                return unsafe d2i_ECDSA_SIG(nil, &next, octets.count)
            }
            guard let pointer = unsafe pointer else { throw .library("reading a signature") }
            unsafe self.pointer = pointer
        }

        /// - Parameter raw: twice as long as a coordinate.
        init(raw: [UInt8], _ curve: Curve) throws(CryptographyError) {
            guard let pointer = unsafe ECDSA_SIG_new() else { throw .library("making a signature") }
            let r = unsafe BN_bin2bn(Array(raw.prefix(curve.size)), Int32(curve.size), nil)
            let s = unsafe BN_bin2bn(Array(raw.suffix(curve.size)), Int32(curve.size), nil)
            // From here on they are the signature's to free, unless it refuses them, which it does only for NULL.
            guard unsafe ECDSA_SIG_set0(pointer, r, s) == 1 else {
                unsafe BN_free(r)
                unsafe BN_free(s)
                unsafe ECDSA_SIG_free(pointer)
                throw .library("making a signature")
            }
            unsafe self.pointer = pointer
        }

        deinit { unsafe ECDSA_SIG_free(pointer) }

        func der() throws(CryptographyError) -> [UInt8] {
            let size = unsafe i2d_ECDSA_SIG(pointer, nil)
            guard size > 0 else { throw .library("writing a signature") }
            var octets = [UInt8](repeating: 0, count: Int(size))
            let written = unsafe octets.withUnsafeMutableBufferPointer { octets in
                var next = octets.baseAddress
                return unsafe i2d_ECDSA_SIG(pointer, &next)
            }
            guard written == size else { throw .library("writing a signature") }
            return octets
        }

        func raw(_ curve: Curve) throws(CryptographyError) -> [UInt8] {
            var octets = [UInt8](repeating: 0, count: 2 * curve.size)
            let size = Int32(curve.size)
            let isWritten = unsafe octets.withUnsafeMutableBufferPointer { octets in
                guard let start = octets.baseAddress else { return false }
                return unsafe BN_bn2binpad(ECDSA_SIG_get0_r(pointer), start, size) == size
                    && BN_bn2binpad(ECDSA_SIG_get0_s(pointer), start + curve.size, size) == size
            }
            guard isWritten else { throw .library("writing a signature") }
            return octets
        }
    }
}
