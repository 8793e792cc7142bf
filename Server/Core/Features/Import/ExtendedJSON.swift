import GatehouseCryptography
import GatehouseJSON

/// JSON in which MongoDB writes what JSON has no types for, in three flavours: canonical and relaxed (Extended JSON v2), and
/// that of mongoexport 3 (v1, "strict mode").
enum ExtendedJSON {
    /// The same document in one flavour: numbers are plain, `$oid` is in lower case, `$binary` has its octets and `$type` beside
    /// it, `$date` is in milliseconds. What is none of these stays as it is.
    static func normal(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(normal))
        case .object(let members):
            if let first = members.first, first.name.hasPrefix("$"), let plain = plain(first, value) { return plain }
            return .object(members.map { JSONValue.Member(name: $0.name, value: normal($0.value)) })
        default: return value
        }
    }

    private static func plain(_ first: JSONValue.Member, _ value: JSONValue) -> JSONValue? {
        let isAlone = value.object?.count == 1
        switch (first.name, first.value) {
        case ("$numberInt", .string(let text)) where isAlone, ("$numberLong", .string(let text)) where isAlone:
            return Int64(text).map { .number(JSONNumber($0)) }
        case ("$numberDouble", .string(let text)) where isAlone:
            guard let parsed = try? JSONValue(parsing: Array(text.utf8)), case .number = parsed else { return nil }
            return parsed
        case ("$oid", .string(let text)) where isAlone: return ["$oid": .string(text.lowercased())]
        case ("$date", .string(let text)) where isAlone:
            guard let time = time(text) else { return nil }
            return ["$date": .number(JSONNumber(time / 1000))]
        case ("$date", let inner) where isAlone:
            guard let time = normal(inner).int64 else { return nil }
            return ["$date": .number(JSONNumber(time))]
        case ("$binary", .object(let members)) where isAlone:
            guard members.count == 2, let octets = first.value["base64"]?.string,
                let type = first.value["subType"]?.string
            else { return nil }
            return binary(octets, type)
        case ("$binary", .string(let octets)):
            guard value.object?.count == 2, let type = value["$type"]?.string else { return nil }
            return binary(octets, type)
        default: return nil
        }
    }

    private static func binary(_ octets: String, _ type: String) -> JSONValue {
        ["$binary": .string(octets), "$type": .string((type.count == 1 ? "0" : "") + type.lowercased())]
    }

    /// RFC 3339; mongoexport 3 leaves the colon of an offset out.
    private static func time(_ text: String) -> Int64? {
        StudyDate(text)?.instant ?? StudyDate(text.dropLast(2) + ":" + text.suffix(2))?.instant
    }
}

/// Of a document in normal form; nil for what is of another type.
extension JSONValue {
    /// 24 hexadecimal digits in lower case.
    var objectID: String? {
        guard let text = self["$oid"]?.string ?? string, text.utf8.count == 24,
            text.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
        else { return nil }
        return text
    }

    /// The octets of a binary of the general kind, or of a text.
    var octets: [UInt8]? {
        if let text = string { return Array(text.utf8) }
        guard ["00", "02"].contains(self["$type"]?.string) else { return nil }
        return self["$binary"]?.string.flatMap { Base64.decode($0) }
    }

    /// Microseconds since 1970, of a date or of RFC 3339 as a text.
    var time: Int64? {
        if let milliseconds = self["$date"]?.int64 {
            let (time, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
            return overflow ? nil : time
        }
        return string.flatMap { StudyDate($0)?.instant }
    }
}
