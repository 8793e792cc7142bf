/// One JSON value (RFC 8259), with the members of an object in the order in which they were written.
///
/// `==` compares what was written: member order and the spelling of numbers count. `isEquivalent(to:)` compares what
/// is meant.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A name with its value. Names within one parsed object are unique.
    package struct Member: Sendable, Equatable {
        package let name: String
        package let value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }
}

// MARK: - Reading

extension JSONValue {
    /// The member of that exact name; `nil` when there is none, or when this is no object. A member that is `null` is
    /// `JSONValue.null`, not `nil`.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { isSameText($0.name, name) }?.value
    }

    /// The element at that place; `nil` outside the array, or when this is no array.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    package var isNull: Bool { self == .null }

    /// The text; `nil` when this is no string.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The whole number; `nil` when this is no number, has a fractional part, or does not fit.
    package var int64: Int64? {
        guard case .number(let number) = self else { return nil }
        return number.int64
    }

    /// The number, rounded to the nearest `Double`; `nil` when this is no number or too large for one.
    package var double: Double? {
        guard case .number(let number) = self else { return nil }
        return number.double
    }

    /// `true` or `false`; `nil` for everything else, also for 0, 1 and "true".
    package var bool: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    /// The elements; `nil` when this is no array.
    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members in their order; `nil` when this is no object.
    package var object: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// What kind of value this is, in words for an error message: "an object", "a string", "null".
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

// MARK: - Writing

extension JSONValue {
    /// The value as compact UTF-8 JSON: no white space, members in their order.
    package func bytes() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    /// The value as compact JSON text.
    package var text: String { String(decoding: bytes(), as: UTF8.self) }
}

// MARK: - Comparing

extension JSONValue {
    /// Whether both mean the same: the order of members does not count, numbers are compared by value (1 is 1.0), text
    /// code point by code point.
    package func isEquivalent(to other: JSONValue) -> Bool {
        switch (self, other) {
        case (.null, .null): return true
        case (.bool(let mine), .bool(let theirs)): return mine == theirs
        case (.number(let mine), .number(let theirs)): return mine.isEquivalent(to: theirs)
        case (.string(let mine), .string(let theirs)): return isSameText(mine, theirs)
        case (.array(let mine), .array(let theirs)):
            return mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0.isEquivalent(to: $1) }
        case (.object(let mine), .object(let theirs)):
            guard mine.count == theirs.count else { return false }
            let values = Dictionary(
                mine.map { (ExactText($0.name), $0.value) }, uniquingKeysWith: { first, _ in first })
            return values.count == theirs.count
                && theirs.allSatisfy { values[ExactText($0.name)]?.isEquivalent(to: $0.value) ?? false }
        default: return false
        }
    }
}

// MARK: - Literals

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral flag: Bool) { self = .bool(flag) }
    package init(integerLiteral number: Int64) { self = .number(JSONNumber(number)) }
    package init(stringLiteral text: String) { self = .string(text) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Keeps the order; a repeated name would make JSON that our own parser refuses, so it is a programmer's mistake.
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        assert(Set(members.map { ExactText($0.0) }).count == members.count, "a member name is repeated")
        self = .object(members.map { Member(name: $0.0, value: $0.1) })
    }
}
