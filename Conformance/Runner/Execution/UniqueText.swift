internal import GatehouseCryptography

/// Parts for names that no other run has used.
package enum UniqueText {
    /// Ten characters `[a-z0-9]`, a letter first; 51 bits.
    package static func make() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        let all = letters + Array("0123456789")
        let bytes = SystemRandom.bytes(20)
        return String(
            (0..<10).map { place in
                let number = Int(bytes[2 * place]) << 8 | Int(bytes[2 * place + 1])
                return place == 0 ? letters[number % letters.count] : all[number % all.count]
            })
    }
}
