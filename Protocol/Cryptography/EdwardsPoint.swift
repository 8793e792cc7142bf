import CGatehouseOpenSSL

/// Points of edwards25519, the curve of Ed25519: −x² + y² = 1 + d·x²·y² modulo p = 2²⁵⁵ − 19 with d = −121665/121666.
enum EdwardsPoint {
    /// Whether 32 octets are the one encoding (RFC 8032 §5.1.2) of a point on the curve that does not lie in the small
    /// subgroup.
    ///
    /// libcrypto takes any 32 octets for a key. Under a point of the small subgroup, signatures that were made without
    /// any key are valid, so whoever may choose a key could choose one that signs for everybody.
    static func isUsable(_ encoded: [UInt8]) throws(CryptographyError) -> Bool {
        guard encoded.count == 32 else { return false }
        var yBytes = encoded
        // The highest bit is the sign of x.
        yBytes[31] &= 0x7f
        let field = try Field()
        let y = try BigNumber(littleEndian: yBytes)
        guard unsafe BN_cmp(y.raw, field.prime.raw) < 0 else { return false }
        let y2 = try field.product(y, y)
        let one = try BigNumber(1)
        let numerator = try field.difference(y2, one)
        // 121666·(d·y² + 1)
        let scaled = try field.difference(try BigNumber(121_666), try field.product(try BigNumber(121_665), y2))
        // x² = (y² − 1) / (d·y² + 1) must be a square. A quotient and the product of its parts are squares together.
        let square = try field.product(try field.product(numerator, scaled), try BigNumber(121_666))
        guard try field.isSquare(square) else { return false }
        // The small subgroup: y = 0, y = ±1, and where doubling gives y = 0, which is d·y⁴ + 2·y² − 1 = 0.
        let y4 = try field.product(y2, y2)
        let eighth = try field.difference(
            try field.product(try BigNumber(121_665), y4),
            try field.difference(try field.product(try BigNumber(243_332), y2), try BigNumber(121_666)))
        return !y.isZero && !numerator.isZero && !eighth.isZero
    }

    /// Arithmetic modulo p. Only for public values: nothing here takes constant time.
    @safe private struct Field: ~Copyable {
        let prime: BigNumber
        private let context: OpaquePointer

        init() throws(CryptographyError) {
            let prime = try BigNumber(0)
            guard unsafe BN_set_bit(prime.raw, 255) == 1, unsafe BN_sub_word(prime.raw, 19) == 1,
                let context = unsafe BN_CTX_new()
            else { throw .library("making a field") }
            self.prime = prime
            unsafe self.context = context
        }

        deinit { unsafe BN_CTX_free(context) }

        func product(_ a: borrowing BigNumber, _ b: borrowing BigNumber) throws(CryptographyError) -> BigNumber {
            let result = try BigNumber(0)
            guard unsafe BN_mod_mul(result.raw, a.raw, b.raw, prime.raw, context) == 1 else {
                throw .library("multiplying")
            }
            return result
        }

        func difference(_ a: borrowing BigNumber, _ b: borrowing BigNumber) throws(CryptographyError) -> BigNumber {
            let result = try BigNumber(0)
            guard unsafe BN_mod_sub(result.raw, a.raw, b.raw, prime.raw, context) == 1 else {
                throw .library("subtracting")
            }
            return result
        }

        /// Zero counts as a square.
        func isSquare(_ number: borrowing BigNumber) throws(CryptographyError) -> Bool {
            // The Kronecker symbol modulo a prime: 1, 0 or −1; −2 is a failure (BN_kronecker of openssl/bn.h).
            let symbol = unsafe BN_kronecker(number.raw, prime.raw, context)
            guard symbol > -2 else { throw .library("looking for a square root") }
            return symbol >= 0
        }
    }
}
