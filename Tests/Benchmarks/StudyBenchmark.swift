import Foundation
import GatehouseJSON
import GatehouseTransfer
import HTTPTypes

/// A study with many subjects: how fast they are imported, and how soon a page of them is there, wherever it is in the list
/// and whatever is searched for. Each time is that of a whole request to the server as its users start it.
///
/// - Parameter subjects: how many.
func studyBenchmarks(subjects: Int) async throws -> [Row] {
    try await withTemporaryFolder { folder in
        let study = Study(folder: folder, subjects: subjects)
        let imported = try await study.fill()
        let server = try await study.start()
        let token = try await study.signIn(at: server.url)
        var rows = [imported]
        for (kind, targets) in study.requests {
            var times: [Double] = []
            var slowest = (time: 0.0, target: "")
            for target in targets {
                let time = try await study.time(server.url + target, token)
                times.append(time)
                if time > slowest.time { slowest = (time, target) }
            }
            rows.append(
                Row(
                    name: "\(kind) of \(subjects) subjects, ms", value: times.median, target: "below 50",
                    note: String(
                        format: "median of %d requests; slowest %.0f: %@", times.count, slowest.time, slowest.target)))
        }
        try await server.tool.stop()
        return rows
    }
}

private struct Study {
    let folder: URL
    let subjects: Int
    static let admin = "admin@bench.test"
    static let password = "correct horse battery"

    private var gatehouse: String {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "gatehouse").path
    }

    // MARK: Subjects

    private static let firstNames = [
        "Anna", "Peter", "Maria", "Hans", "Ursula", "Daniel", "Sandra", "Thomas", "Monika", "Martin", "Ruth", "Markus",
        "Elisabeth", "Andreas", "Verena", "Christian", "Barbara", "Stefan", "Claudia", "Michael", "Zoë", "Jürg",
        "Noëlle",
        "Beat", "Silvia", "Urs", "Brigitte", "Bruno", "Nicole", "Patrick", "Sabine", "Roland", "Esther", "Walter",
        "Rita",
    ]
    private static let syllables = [
        "mül", "ler", "mei", "er", "schmi", "dt", "kel", "we", "ber", "hu", "fi", "scher", "stei", "ner", "brun", "ger",
        "zim", "mann", "frei", "bau", "mo", "ser", "graf", "rot", "wyss", "kunz", "sut", "ter",
    ]

    /// The same ones each time (a linear congruential generator; Knuth's MMIX constants).
    private struct Numbers {
        var state: UInt64 = 42
        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        mutating func one(of texts: [String]) -> String { texts[below(texts.count)] }
    }

    /// As `mongoexport` writes them: a line each.
    private func write(to file: URL) throws {
        _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        let handle = try FileHandle(forWritingTo: file)
        var numbers = Numbers()
        var lines = ""
        for number in 0..<subjects {
            let surname = (0..<2 + numbers.below(2)).map { _ in numbers.one(of: Self.syllables) }.joined().capitalized
            let first = numbers.one(of: Self.firstNames)
            let bday = String(
                format: "%04d-%02d-%02d", 1920 + numbers.below(90), 1 + numbers.below(12), 1 + numbers.below(28))
            let step = numbers.below(4)
            let dates = [
                step > 0 ? ",\"date_invited\":\"2025-01-02\"" : "",
                step > 1 ? ",\"date_consented\":\"2025-02-03\"" : "",
                step > 2 ? ",\"date_enrolled\":\"2025-03-04\"" : "",
            ]
            let created = String(
                format: "2025-01-%02dT%02d:%02d:%02d.%06d+00:00", 1 + number / 86_400 % 28, number / 3600 % 24,
                number / 60 % 60, number % 60, number % 1_000_000)
            lines += """
                {"_id":{"$oid":"\(String(format: "%024lx", number))"},"sssid":"SSS-\(String(format: "%07d", number))",\
                "name":"\(first) \(surname)","bday":"\(bday)","phone":"+41 79 \(number)","type":"subject",\
                "created":"\(created)","changed":"\(created)"\(dates.joined())}

                """
            if lines.utf8.count > 1 << 20 {
                try handle.write(contentsOf: Data(lines.utf8))
                lines = ""
            }
        }
        try handle.write(contentsOf: Data(lines.utf8))
        try handle.close()
    }

    func fill() async throws -> Row {
        let file = folder.appending(path: "export.json")
        try write(to: file)
        try Data(Self.password.utf8).write(to: folder.appending(path: "password"))
        _ = try await Tool(gatehouse, ["init", "--username", Self.admin, "--password-file", "password"], in: folder)
            .result()
        let began = ContinuousClock.now
        let report = try await Tool(gatehouse, ["import", "c3-pro", file.path], in: folder).result()
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        try FileManager.default.removeItem(at: file)
        let size = try FileManager.default.attributesOfItem(atPath: folder.appending(path: "gatehouse.db").path)[.size]
        return Row(
            name: "import of a study, subjects/s", value: Double(subjects) / seconds,
            note: "\(report.split(separator: "\n").last ?? ""); the store has \(((size as? Int) ?? 0) / 1_000_000) MB")
    }

    // MARK: The server

    func start() async throws -> (tool: Tool, url: String) {
        let tool = try await Tool(gatehouse, ["serve", "--port", "0"], in: folder)
        let line = try await tool.firstLine()
        guard let url = line.split(separator: " ").last, url.hasPrefix("http") else {
            throw Tool.Failed(description: "the server did not become ready: \(line)")
        }
        return (tool, String(url))
    }

    func signIn(at url: String) async throws -> String {
        var request = TransferRequest(method: .post, url: url + "/auth")
        request.headers = [("Content-Type", "application/json")]
        request.body = Array("{\"username\":\"\(Self.admin)\",\"password\":\"\(Self.password)\"}".utf8)
        let answer = try await CurlTransport().send(request)
        guard let token = try JSONValue(parsing: answer.body)["access_token"]?.string else {
            throw Tool.Failed(description: "no token: \(String(decoding: answer.body, as: UTF8.self))")
        }
        return token
    }

    private static let transport = CurlTransport()

    /// Milliseconds: the median of five.
    func time(_ url: String, _ token: String) async throws -> Double {
        var times: [Double] = []
        for _ in 0..<5 {
            let began = ContinuousClock.now
            let answer = try await Self.transport.send(
                TransferRequest(method: .get, url: url, headers: [("Authorization", "JWT \(token)")]))
            times.append((ContinuousClock.now - began) / .milliseconds(1))
            guard answer.status == 200 else { throw Tool.Failed(description: "\(url): \(answer.status)") }
        }
        return times.median
    }

    /// What is asked, by kind.
    var requests: [(String, [String])] {
        let orders = [
            "sssid", "name", "bday", "created", "changed", "date_invited", "date_consented", "date_enrolled",
            "date_withdrawn",
        ]
        let both: [String] = orders.flatMap { order in ["asc", "desc"].map { "?ordercol=\(order)&orderdir=\($0)" } }
        // Page 10 000 of 50, or the last but a few of a smaller study.
        let far = min(499_950, subjects / 2)
        let searches = [
            "anna%20m%C3%BClle", "zimmermann", "peter%20wyss", "M%C3%9CLLER", "schmidt", "moser", "SSS-0000", "0012345",
            "99-9",
            "1981-02-03", "1981", "an", "z", "sss", "peter", "nobody%20at%20all", "graf", "noe%CC%88lle", "kunz",
            "%25%25%25",
        ]
        let states: [String] = (0...3).flatMap { status in
            ["created", "name"].map { "?ordercol=\($0)&status=\(status)" }
        }
        let found = searches.map { "?search=\($0)" }
        let kinds: [(String, [String])] = [
            ("first page", [""] + both), ("page 10 000", ["?offset=\(far)"] + both.map { "\($0)&offset=\(far)" }),
            ("first page by status", states), ("search", found),
            ("search in order of name", found.map { "\($0)&ordercol=name&orderdir=ASC" }),
        ]
        return kinds.map { kind, queries in (kind, queries.map { "/subject\($0)" }) }
    }
}
