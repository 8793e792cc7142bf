/// The answer of a name server (RFC 1035 §4.1), as far as it is about the question that was asked.
package struct DNSMessage: Sendable {
    /// A record that answers the question.
    package struct Record: Sendable, Equatable {
        /// Where in the message its data stands; names in it may point to elsewhere.
        package let data: Range<Int>
        /// Seconds, the least of the way to it.
        package let timeToLive: UInt32
    }

    /// Aliases (CNAME) on the way to a record.
    private static let longestChain = 8
    /// RFC 1035 §2.3.4.
    private static let longestName = 255

    private let octets: [UInt8]
    package let records: [Record]

    /// - Parameters:
    ///   - name: in lower case, without a dot at its end.
    ///   - type: what was asked for.
    /// - Throws: `DNSError`; `.malformed` also when the message answers another question, or names in a circle.
    package init(_ octets: [UInt8], answering name: String, type: DNSRecordType) throws(DNSError) {
        self.octets = octets
        var reader = Reader(octets)
        _ = try reader.number16()
        let flags = try reader.number16()
        let questions = try reader.number16()
        let answers = try reader.number16()
        let authorities = try reader.number16()
        _ = try reader.number16()
        // An answer (QR) to a standard query (OPCODE).
        guard flags & 0xf800 == 0x8000, questions == 1 else { throw .malformed }
        let asked = try reader.name()
        guard asked == Self.labels(of: name), try reader.number16() == type.rawValue, try reader.number16() == 1 else {
            throw .malformed
        }
        switch flags & 0xf {
        case 0: break
        case 3:
            // Of whom that is believed: as with "no such record" below.
            var isCertain = flags & 0x0480 != 0
            for _ in 0..<answers where !isCertain { _ = try reader.record() }
            for _ in 0..<authorities where !isCertain { isCertain = try reader.record().type == 6 }
            throw isCertain ? .nameUnknown : .serverFailed
        case 5: throw .refused
        default: throw .serverFailed
        }
        // A truncated answer is asked for again over TCP, so what comes here is whole.
        guard flags & 0x0200 == 0 else { throw .malformed }

        var found: [(owner: [[UInt8]], record: Record)] = []
        var aliases: [(owner: [[UInt8]], target: [[UInt8]], timeToLive: UInt32)] = []
        for _ in 0..<answers {
            let next = try reader.record()
            guard next.isInternet else { continue }
            if next.type == type.rawValue {
                found.append((next.owner, Record(data: next.data, timeToLive: next.timeToLive)))
            }
            if next.type == DNSRecordType.cname.rawValue {
                var inner = Reader(octets, at: next.data.lowerBound)
                let target = try inner.name()
                guard inner.position == next.data.upperBound else { throw .malformed }
                aliases.append((next.owner, target, next.timeToLive))
            }
        }
        // What is said of other names than the one asked for, and of those it is an alias of, is nobody's business here.
        var owner = asked
        var least = UInt32.max
        for _ in 0...Self.longestChain {
            let own = found.filter { $0.owner == owner }
            if !own.isEmpty {
                records = own.map { Record(data: $0.record.data, timeToLive: min(least, $0.record.timeToLive)) }
                return
            }
            guard let alias = aliases.first(where: { $0.owner == owner }) else {
                // RFC 2308 §2.2: there is none when a server says so that finds out everything (RA), is the one to ask (AA), or
                // shows whose word it is (SOA). Anything else leads to another server, or into another zone.
                var isCertain = flags & 0x0080 != 0 || flags & 0x0400 != 0 && owner == asked
                for _ in 0..<authorities where !isCertain {
                    isCertain = try reader.record().type == DNSRecordType.soa.rawValue
                }
                throw isCertain ? .noData : .serverFailed
            }
            owner = alias.target
            least = min(least, alias.timeToLive)
        }
        throw .malformed
    }

    // MARK: Kinds of records

    /// RFC 1035 §3.3.14: one or more strings, which belong together.
    ///
    /// - Throws: `DNSError.malformed`.
    package func text(of record: Record) throws(DNSError) -> [UInt8] {
        var reader = Reader(octets, at: record.data.lowerBound)
        var text: [UInt8] = []
        repeat {
            let piece = try reader.skip(Int(try reader.number8()))
            guard piece.upperBound <= record.data.upperBound else { throw .malformed }
            text += octets[piece]
        } while reader.position < record.data.upperBound
        return text
    }

    /// An IPv4 address (A, RFC 1035 §3.4.1) has 4 octets, an IPv6 address (AAAA, RFC 3596 §2.2) 16.
    package func address(of record: Record) -> [UInt8] { Array(octets[record.data]) }

    /// RFC 2782.
    ///
    /// - Returns: `target` in lower case without a dot at its end; empty for "there is no such service".
    /// - Throws: `DNSError.malformed`, also for a target that is no host name.
    package func service(
        of record: Record
    ) throws(DNSError) -> (priority: UInt16, weight: UInt16, port: UInt16, target: String) {
        var reader = Reader(octets, at: record.data.lowerBound)
        let (priority, weight, port) = (try reader.number16(), try reader.number16(), try reader.number16())
        let labels = try reader.name()
        guard reader.position == record.data.upperBound, labels.allSatisfy(Self.isHostLabel) else { throw .malformed }
        let target = labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
        return (priority, weight, port, target)
    }

    private static func isHostLabel(_ label: [UInt8]) -> Bool {
        label.allSatisfy { octet in
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    static func labels(of name: String) -> [[UInt8]] {
        name.utf8.split(separator: UInt8(ascii: ".")).map { label in label.map(lowercased) }
    }

    fileprivate static func lowercased(_ octet: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(octet) ? octet | 0x20 : octet
    }

    /// Reads on from a place in a message, never past its end.
    private struct Reader {
        private let octets: [UInt8]
        private(set) var position: Int

        init(_ octets: [UInt8], at position: Int = 0) {
            self.octets = octets
            self.position = position
        }

        mutating func skip(_ count: Int) throws(DNSError) -> Range<Int> {
            guard octets.count - position >= count else { throw .malformed }
            defer { position += count }
            return position..<position + count
        }

        mutating func number8() throws(DNSError) -> UInt8 { octets[try skip(1).lowerBound] }

        mutating func number16() throws(DNSError) -> UInt16 {
            UInt16(try number8()) << 8 | UInt16(try number8())
        }

        mutating func number32() throws(DNSError) -> UInt32 {
            UInt32(try number16()) << 16 | UInt32(try number16())
        }

        /// RFC 1035 §4.1.3.
        mutating func record() throws(DNSError) -> (
            owner: [[UInt8]], type: UInt16, isInternet: Bool, timeToLive: UInt32, data: Range<Int>
        ) {
            let owner = try name()
            let type = try number16()
            let isInternet = try number16() == 1
            let seconds = try number32()
            let data = try skip(Int(try number16()))
            // RFC 2181 §8: the highest bit makes it zero.
            return (owner, type, isInternet, seconds > 0x7fff_ffff ? 0 : seconds, data)
        }

        /// A name whose end may stand elsewhere (RFC 1035 §4.1.4), in lower case.
        mutating func name() throws(DNSError) -> [[UInt8]] {
            var labels: [[UInt8]] = []
            var length = 1
            var jumps = 0
            var end: Int?
            while true {
                let start = position
                let head = try number8()
                switch head & 0xc0 {
                case 0x00 where head == 0:
                    if let end { position = end }
                    return labels
                case 0x00:
                    let label = octets[try skip(Int(head))]
                    length += label.count + 1
                    guard length <= DNSMessage.longestName else { throw .malformed }
                    labels.append(label.map(DNSMessage.lowercased))
                case 0xc0:
                    let target = Int(head & 0x3f) << 8 | Int(try number8())
                    if end == nil { end = position }
                    // Only ever backwards, and no more often than a name has labels.
                    jumps += 1
                    guard target < start, jumps < 128 else { throw .malformed }
                    position = target
                default: throw .malformed
                }
            }
        }
    }
}
