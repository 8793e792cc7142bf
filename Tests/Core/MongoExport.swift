import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseSQLite
import GatehouseTestSupport

@testable import GatehouseCore

/// Writes what `mongoexport` writes of a C3-PRO IDM service.
struct MongoExport {
    enum Flavour: CaseIterable { case canonical, relaxed, v1, array }

    static let password = "Zürich \u{1F600} ÿÿ"
    /// bcrypt of it, cost 4.
    static let hash = "$2b$04$Uo7EjJyD2kvd1ePRQ0JNlegehA55SL1cbfjfRd7kPOjEFuWs1.EjW"
    static let weak = "super-duper-secret"
    static let strong = "kX9c0QmB2v7Rw5Jt1Zs8Ly4Hn6Pd3Gf0aVeUiOoTqMrKxWzCbNyEjSlDhFgAp"

    let flavour: Flavour
    private(set) var lines: [String] = []

    init(_ flavour: Flavour = .relaxed) { self.flavour = flavour }

    /// The `_id` of number so-and-so, as it stands in a token or a path.
    static func id(_ number: Int) -> String {
        "6b00aa00" + String(repeating: "0", count: 12) + String(10_000 + number).suffix(4)
    }

    private func oid(_ number: Int) -> String { #"{"$oid":"\#(Self.id(number))"}"# }

    private func number(_ number: Int) -> String {
        flavour == .canonical ? #"{"$numberInt":"\#(number)"}"# : "\(number)"
    }

    private func binary(_ text: String) -> String {
        let octets = Base64.encode(Array(text.utf8))
        return flavour == .v1
            ? #"{"$binary":"\#(octets)","$type":"00"}"# : #"{"$binary":{"base64":"\#(octets)","subType":"00"}}"#
    }

    /// A line as it is.
    mutating func add(_ line: String) { lines.append(line) }

    mutating func user(_ number: Int, _ name: String, admin: String = "false", hash: String = hash, more: String = "") {
        add(
            #"{"_id":\#(oid(number)),"username":"\#(name)","password":\#(binary(hash)),"admin":\#(admin),"#
                + #""temporary":null,"type":"user"\#(more)}"#)
    }

    mutating func subject(_ number: Int, _ sssid: String, bday: String = "1981-02-03", more: String = "") {
        add(
            #"{"_id":\#(oid(number)),"sssid":"\#(sssid)","name":"Peter Muster","bday":"\#(bday)","type":"subject","#
                + #""created":"2026-11-21T02:15:02.642109+00:00","changed":"2026-11-22T02:15:02.642109+00:00","#
                + #""date_consented":"2026-02-02T08:00:00+01:00","weight":\#(self.number(70))\#(more)}"#)
    }

    mutating func link(
        _ number: Int, of sssid: String, secret: String = strong, token: String? = nil, exp: Int = 1_900_000_000,
        more: String = ""
    ) {
        let jwt = token.map { #","exp":\#(self.number(exp)),"_jwt":\#(binary($0))"# } ?? ""
        add(
            #"{"_id":\#(oid(number)),"sub":"\#(sssid)","iss":"https://idm.test/","aud":"https://data.test/","#
                + #""secret":"\#(secret)","algorithm":"HS256","type":"link","#
                + #""created":"2026-11-21T02:15:02.642109+00:00"\#(jwt)\#(more)}"#)
    }

    mutating func audit(_ number: Int, of document: Int, by user: Int? = nil, _ action: String = "create") {
        let actor = user.map { #","actor_id":"\#(Self.id($0))""# } ?? ""
        add(
            #"{"_id":\#(oid(number)),"type":"audit","datetime":"2026-11-21T02:14:55.927646+00:00","#
                + #""document":\#(oid(document))\#(actor),"action":"\#(action)"}"#)
    }

    /// A link token as the original made it.
    static func token(of number: Int, secret: String = strong, exp: Int = 1_900_000_000) -> String {
        let header = Base64URL.encode(Array(#"{"typ":"JWT","alg":"HS256"}"#.utf8))
        let claims = Base64URL.encode(
            Array(
                #"{"jti":"\#(id(number))","iss":"https://idm.test/","aud":"https://data.test/","exp":\#(exp),"#.utf8)
                + Array(#""sub":"Peter Muster","birthdate":"1981-02-03"}"#.utf8))
        let code = HMACKey(.sha256, secret: Array(secret.utf8)).code(for: Array("\(header).\(claims)".utf8))
        return "\(header).\(claims).\(Base64URL.encode(code))"
    }

    var octets: [UInt8] {
        Array(
            (flavour == .array ? "[" + lines.joined(separator: ",\n") + "]\n" : lines.joined(separator: "\n") + "\n")
                .utf8)
    }

    /// Two users, three subjects, two links and five audits, in an order in which nothing stands before what it is about.
    static func study(_ flavour: Flavour) -> MongoExport {
        var export = MongoExport(flavour)
        export.audit(20, of: 3, by: 1, "create")
        export.audit(21, of: 10, "link to patient-abc")
        export.link(
            10, of: "SSS-1", token: token(of: 10),
            more: #","linked_to":"patient-abc","linked_system":"https://data.test/","linked_on":"2026-03-01T00:00:00Z""#
        )
        export.link(11, of: "SSS-2", token: token(of: 11))
        export.subject(3, "SSS-1", more: #","email":"new@m.ch","phone":null,"date_invited":null"#)
        export.subject(4, "SSS-2")
        export.subject(5, "SSS-3", bday: "1999-12-31")
        export.user(1, "Admin@X.org", admin: "true")
        export.user(2, "nurse@x.org")
        export.audit(22, of: 1, by: 1, "generate temporary password")
        export.audit(23, of: 4, by: 99)
        export.audit(24, of: 4, by: 2, "update")
        return export
    }
}

/// An import into the store of a fixture, and what it said.
struct ImportRun {
    let outcome: C3ProImport.Outcome
    let findings: [String]

    /// - Parameters:
    ///   - dry: whether nothing is to be written.
    ///   - meanwhile: what somebody does to the file before it is read again.
    init(
        _ octets: [UInt8], into fixture: Fixture, dry: Bool = false, meanwhile: (URL) throws -> Void = { _ in }
    ) async throws {
        let folder = try TemporaryFolder()
        let file = folder.path("export.json")
        try Data(octets).write(to: URL(filePath: file))
        let scratch = try SQLiteDatabase.inMemory()
        let found = Locked<[String]>([])
        let work = try await C3ProImport(
            of: try ImportSource(file), into: fixture.database, scratch: scratch, clock: fixture.time.clock,
            report: { finding in found.withLock { $0.append(finding.text) } }, progress: { _ in })
        let plan = try await work.plan()
        try meanwhile(URL(filePath: file))
        outcome =
            dry || plan.counts.total(.new) == 0
            ? plan : try await work.carryOut(plan, masterKey: fixture.masterKey, by: .commandLine)
        findings = found.withLock { $0 }
        await scratch.close()
    }

    init(_ export: MongoExport, into fixture: Fixture, dry: Bool = false) async throws {
        try await self.init(export.octets, into: fixture, dry: dry)
    }

    var summary: String {
        "\(outcome.counts.text(.new)) | \(outcome.counts.text(.there)) | \(outcome.counts.text(.refused)) | "
            + "\(outcome.counts.partly)"
    }
}
