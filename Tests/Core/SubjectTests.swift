import GatehouseJSON
import GatehouseMessages
import GatehouseStorage
import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("Subjects", .timeLimit(.minutes(2)))
struct SubjectTests {
    private static func body(_ sssid: String, name: String = "Anna", more: [JSONValue.Member] = []) -> JSONValue {
        .object(
            [
                .init(name: "sssid", value: .string(sssid)), .init(name: "name", value: .string(name)),
                .init(name: "bday", value: "1981-02-03"),
            ] + more)
    }

    private func list(_ fixture: Fixture, _ query: String) async throws -> [String] {
        let list = try SubjectList(try call(query), fixture.features.subjects.faults)
        return try await fixture.features.subjects.list(list).map(\.sssid.text)
    }

    /// A call of which only the query counts.
    private func call(_ query: String) throws -> Call {
        let original = OriginalRequest(
            method: "GET", target: "/subject?\(query)", scheme: "http", host: "a.test", headers: [:])
        return Call(
            original: original, isSigned: false, query: query, network: Fixture.here, parameters: [], body: [],
            readsBody: false, isFromProxy: false, isFromLoopback: false)
    }

    @Test("a search finds the same whether it has few hits or very many")
    func plans() async throws {
        let fixture = try await Fixture()
        let subjects = fixture.features.subjects
        try await fixture.database.transaction { sql in
            for number in 0..<2500 {
                let name = number < 2200 ? "Peter Many\(number)" : "Zoe Few\(number)"
                let change = try SubjectChange(Self.body("S-\(number)", name: name), Faults())
                try Subject(new: change, at: 0).insert(by: .server, at: 0, in: sql)
            }
        }
        #expect(subjects.faults == Faults())
        // Collected by index, and found by looking at one after the other: many hits and few, long and short texts.
        for (search, count) in [("many", 2200), ("FEW", 300), ("pe", 2200), ("z", 300), ("S-2499", 1), ("s-", 2500)] {
            var found: [String] = []
            for offset in stride(from: 0, to: 2600, by: 500) {
                found += try await list(fixture, "search=\(search)&perpage=500&offset=\(offset)")
            }
            #expect(found.count == count && Set(found).count == count, "\(search)")
            let sorted = try await list(fixture, "search=\(search)&perpage=500&ordercol=name&orderdir=desc")
            #expect(sorted.count == min(500, count), "\(search)")
        }
    }

    @Test("a page is chosen by the index of its order, however far it is")
    func queryPlans() async throws {
        let fixture = try await Fixture()
        for order in SubjectOrder.allCases {
            for direction in ["asc", "desc"] {
                for filter in ["", "&status=1"] {
                    let query = "ordercol=\(order.rawValue)&orderdir=\(direction)&offset=499950\(filter)"
                    let list = try SubjectList(try call(query), Faults())
                    let plan = try await fixture.database.read { sql in
                        try sql("EXPLAIN QUERY PLAN \(try #require(try list.statements(in: sql).last))").map {
                            try $0.text("detail")
                        }
                    }
                    // The rows of the page by their number, chosen without reading any other row, and no sorting but theirs.
                    #expect(plan.first == "SEARCH subjects USING INTEGER PRIMARY KEY (rowid=?)", "\(query): \(plan)")
                    #expect(plan.count { $0.contains("USING COVERING INDEX subjects_") } == 1, "\(query): \(plan)")
                    #expect(plan.count == 4 && plan.last == "USE TEMP B-TREE FOR ORDER BY", "\(query): \(plan)")
                }
            }
        }
    }

    @Test("a changed name is found, and the old one is not")
    func index() async throws {
        let fixture = try await Fixture()
        let subjects = fixture.features.subjects
        _ = try await subjects.create(Self.body("S-1", name: "Anna Moser"), by: .server)
        try await subjects.change("S-1", ["sssid": "S-1", "name": "Berta Huber"], by: .server)
        #expect(try await list(fixture, "search=hube") == ["S-1"])
        #expect(try await list(fixture, "search=mose") == [])
        #expect(try await list(fixture, "search=be") == ["S-1"])
        #expect(try await list(fixture, "search=an") == [])
    }

    @Test("letters are found whatever their case and however they are composed")
    func folding() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.features.subjects.create(Self.body("S-1", name: "Zo\u{308}e ÅNGSTRÖM"), by: .server)
        for search in ["zöe", "ZO%CC%88E", "ångström", "A%CC%8ANG", "z%C3%B6"] {
            #expect(try await list(fixture, "search=\(search)") == ["S-1"], "\(search)")
        }
    }

    @Test("white space in a search is text like any other, and nothing else is no search")
    func whiteSpace() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.features.subjects.create(Self.body("S-1", name: "Jo Moser"), by: .server)
        _ = try await fixture.features.subjects.create(Self.body("S-2", name: "Johann Moser"), by: .server)
        #expect(try await list(fixture, "search=jo%20") == ["S-1"])
        #expect(try await list(fixture, "search=%20mo") == ["S-1", "S-2"])
        #expect(try await list(fixture, "search=%20") == ["S-1", "S-2"])
    }

    @Test("a search that is longer than any subject finds nothing, at once")
    func longSearch() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.features.subjects.create(Self.body("S-1"), by: .server)
        #expect(try await list(fixture, "search=" + String(repeating: "a%CC%81%CC%82", count: 800)) == [])
    }

    @Test("a search finds nothing that begins in one field and ends in the next")
    func neighbours() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.features.subjects.create(Self.body("abc", name: "def"), by: .server)
        #expect(try await list(fixture, "search=cde") == [])
        #expect(try await list(fixture, "search=f19") == [])
    }

    @Test("a study's own members keep their order and their way of writing")
    func members() async throws {
        let fixture = try await Fixture()
        let more = [("z", "1.50"), ("a", "\"two\""), ("m", "1e3")].map { name, text in
            JSONValue.Member(name: name, value: (try? JSONValue(parsing: Array(text.utf8))) ?? .null)
        }
        _ = try await fixture.features.subjects.create(Self.body("S-1", more: more), by: .server)
        let text = try await fixture.features.subjects.require("S-1").json.text
        #expect(text.contains(#""z":1.50,"a":"two","m":1e3"#))
    }

    @Test("a name and a member that change only in how their letters are composed are stored as they were sent")
    func composition() async throws {
        let fixture = try await Fixture()
        let (precomposed, decomposed) = ("Zo\u{eb}", "Zoe\u{308}")
        let nickname = { (text: String) in [JSONValue.Member(name: "nickname", value: .string(text))] }
        let subjects = fixture.features.subjects
        _ = try await subjects.create(Self.body("S-1", name: precomposed, more: nickname(decomposed)), by: .server)
        // One at a time: a change of anything stores all.
        try await subjects.change("S-1", Self.body("S-1", name: decomposed), by: .server)
        try await subjects.change("S-1", Self.body("S-1", name: decomposed, more: nickname(precomposed)), by: .server)
        let json = try await subjects.require("S-1").json
        #expect(json["name"]?.string.map { Array($0.utf8) } == Array(decomposed.utf8))
        #expect(json["nickname"]?.string.map { Array($0.utf8) } == Array(precomposed.utf8))
    }

    @Test("a change of one of sixteen at once loses none of the others")
    func simultaneous() async throws {
        let fixture = try await Fixture()
        let subjects = fixture.features.subjects
        _ = try await subjects.create(Self.body("S-1"), by: .server)
        let outcomes = try await sixteen { index in
            let change: JSONValue = .object([
                .init(name: "sssid", value: "S-1"), .init(name: "m\(index)", value: .string("\(index)")),
            ])
            try await subjects.change("S-1", change, by: .server)
            return "changed"
        }
        #expect(outcomes == ["changed": 16])
        #expect(try await subjects.require("S-1").members.count == 16)
        #expect(try await subjects.audits(of: "S-1").count == 17)
    }
}
