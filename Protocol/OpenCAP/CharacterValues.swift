/// The value of each character of an alphabet.
struct CharacterValues: Sendable {
    private let values: [UInt8?]

    /// - Parameter alphabet: ASCII characters in the order of their values.
    init(_ alphabet: String) {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt8(value) }
        self.values = values
    }

    /// `nil` when the character is not in the alphabet.
    subscript(character: UInt8) -> UInt8? { values[Int(character)] }
}
