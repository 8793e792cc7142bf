import GatehouseJSON
import GatehouseMessages
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("Links", .timeLimit(.minutes(2)))
struct LinkTests {
    private static let subject: JSONValue = [
        "sssid": "S-1", "name": "Anna", "bday": "1981-02-03", "date_consented": "2026-01-01",
    ]

    private func aLink(_ fixture: Fixture) async throws -> String {
        _ = try await fixture.features.subjects.create(Self.subject, by: .server)
        return try await fixture.features.links.create(for: "S-1", by: .server).id
    }

    private func code<T>(_ body: () async throws -> T) async throws -> String? {
        do {
            _ = try await body()
            return nil
        } catch let problem as Problem { return problem.code }
    }

    @Test("link tokens are for staff unless the operator says otherwise")
    func readers() async throws {
        for isPublic in [false, true] {
            try await withServer({ $0.hasPublicLinkTokens = isPublic }) { server in
                let link = try await aLink(server.fixture)
                let answer = try await server.send(.get, "/link/\(link)/jwt")
                #expect(answer.status == (isPublic ? 200 : 401))
                // A credential that came along has to be good.
                let wrong = try await server.send(.get, "/link/\(link)/jwt", [("Authorization", "JWT x")])
                #expect(wrong.status == 401)
                #expect(try await server.send(.get, "/link/\(link)").status == 401)
                #expect(try await server.send(.get, "/link/\(link)/qr").status == 401)
            }
        }
    }

    @Test("a token is the same each time, whatever becomes of its subject, and is kept sealed")
    func sameOctets() async throws {
        let fixture = try await Fixture()
        let link = try await aLink(fixture)
        let links = fixture.features.links
        let first = try await links.token(of: link, for: .server).text
        try await fixture.features.subjects.change(
            "S-1", ["sssid": "S-1", "name": "Berta", "bday": "1982-01-01"], by: .server)
        fixture.time.advance(minutes: 60)
        #expect(try await links.token(of: link, for: .server).text == first)
        let kept = try await fixture.database.rows("SELECT sealed_token FROM links")[0].text("sealed_token")
        #expect(!first.contains(kept) && kept.count > 100)
    }

    @Test("a token is good for 24 hours, or as long as its link says")
    func lifetime() async throws {
        let fixture = try await Fixture()
        let link = try await aLink(fixture)
        let links = fixture.features.links
        let token = try await links.token(of: link, for: .server)
        fixture.time.advance(seconds: 86_399)
        #expect(try await code { try await links.link(of: token) } == nil)
        fixture.time.advance(seconds: 1)
        #expect(try await code { try await links.link(of: token) } == "link_expired")
        #expect(try await code { try await links.token(of: link, for: .server) } == "link_gone")
        let other = try await links.create(for: "S-1", by: .server).id
        let exp = fixture.time.now.unixSeconds + 100
        try await links.change(other, try LinkChange(["exp": .number(JSONNumber(exp))]), by: .server)
        let short = try await links.token(of: other, for: .server)
        fixture.time.advance(seconds: 100)
        #expect(try await code { try await links.link(of: short) } == "link_expired")
    }

    @Test("of sixteen at once one establishes a link, and of sixteen that read its token all get the same")
    func races() async throws {
        let fixture = try await Fixture()
        let link = try await aLink(fixture)
        let links = fixture.features.links
        let texts = try await sixteen { _ in try await links.token(of: link, for: .server).text }
        #expect(texts.count == 1)
        let token = try #require(texts.keys.first.flatMap { LinkToken(reading: $0) })
        let outcomes = try await sixteen { index in
            let patient = try PatientIdentifier([
                "resourceType": "Patient", "identifier": [["value": .string("p\(index)")]],
            ])
            do { try await links.establish(token, to: patient) } catch let problem as Problem { return problem.code }
            return "tied"
        }
        #expect(outcomes == ["tied": 1, "link_established": 15])
        let events = try await fixture.features.subjects.audits(of: "S-1").map(\.action)
        #expect(events.filter { $0.hasPrefix("[Link] link to ") }.count == 1)
        #expect(events.filter { $0 == "[Link] create JWT" }.count == 1)
        #expect(events.filter { $0 == "[Link] read JWT" }.count == 15)
    }

    @Test("a token of a link under another master key is unknown")
    func otherKey() async throws {
        let (one, two) = (try await Fixture(), try await Fixture())
        let link = try await aLink(one)
        let token = try await one.features.links.token(of: link, for: .server)
        _ = try await aLink(two)
        #expect(try await code { try await two.features.links.link(of: token) } == "link_unknown")
    }

    @Test("the audience of link tokens is a setting")
    func audience() async throws {
        for (url, audience, wanted) in [
            (nil, nil, "gatehouse/"), ("https://id.example", nil, "https://id.example/"),
            ("https://id.example", "study", "study"),
        ] as [(String?, String?, String)] {
            let fixture = try await Fixture {
                $0.publicURL = url
                $0.linkAudience = audience
            }
            let link = try await aLink(fixture)
            #expect(try await fixture.features.links.require(link).audience == wanted)
        }
    }
}
