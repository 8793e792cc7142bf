/// Text that is equal only to the same code points.
///
/// Swift's `String` also equates different spellings of one character (the Kelvin sign and "K"), but RFC 8259 §8.3
/// wants names compared code unit by code unit, as other readers of the same document do.
struct ExactText: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (a: ExactText, b: ExactText) -> Bool { isSameText(a.text, b.text) }

    /// `Hasher` is seeded at random in each process, so nobody can choose names that collide.
    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// Whether both consist of the same code points.
///
/// `==` also holds for texts that are canonically equivalent, for which it sorts combining marks: a pile of them takes seconds. So
/// this is for whatever a stranger sends without a limit of its own.
package func isSameText(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
}
