/// A mail address with the name that is shown for it, as `Gatehouse <no-reply@id.example.org>` or the address alone.
package struct MailAddress: Sendable, Equatable {
    package let name: String?
    package let address: EmailAddress

    /// - Throws: `InvalidName` saying what is wrong.
    package init(_ text: String) throws(InvalidName) {
        guard text.hasSuffix(">"), let start = text.lastIndex(of: "<") else {
            name = nil
            address = try EmailAddress(text)
            return
        }
        var name = text[..<start].trimmingSpaces()
        if name.count > 1, name.first == "\"", name.last == "\"" { name = name.dropFirst().dropLast() }
        let isShowable = name.unicodeScalars.allSatisfy {
            ![.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
        }
        guard isShowable, name.utf8.count <= 200 else {
            throw InvalidName(
                description: "The name before the address has characters that it cannot have, or too many.")
        }
        self.name = name.isEmpty ? nil : String(name)
        address = try EmailAddress(String(text[text.index(after: start)...].dropLast()))
    }

    var domain: String { String(address.text.drop { $0 != "@" }.dropFirst()) }
}
