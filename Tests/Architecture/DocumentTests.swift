import Testing

@Suite("What the documents say")
struct DocumentTests {
    /// Methods and paths of the route table, Ampho's with the prefix that they have by default.
    private static func routes() throws -> [(method: String, path: String)] {
        try Repository.text("Server/Core/Routes.swift").matches(of: #/on\(\.(\w+), "([^"]+)"/#).map {
            ($0.1.uppercased(), String($0.2).replacing(#"\(prefix)"#, with: "/api/security"))
        }
    }

    @Test("every route has a scenario")
    func routesHaveScenarios() throws {
        let routes = try Self.routes()
        #expect(routes.count >= 8)
        let scenarios = try Repository.files(in: "Conformance/Scenarios", endingIn: ".yaml")
        // As `send: GET /path?query`, quoted or not.
        let sent = Set(
            scenarios.flatMap { scenario in
                scenario.text.matches(of: #/(?:send|sign):\s*["']?([A-Z]+) ([^\s?"']+)/#).map { "\($0.1) \($0.2)" }
            })
        for (method, path) in routes {
            let wanted = path.split(separator: "/").map { $0.hasPrefix("{") ? nil : String($0) }
            let isSent = sent.contains { line in
                guard line.hasPrefix(method + " /") else { return false }
                let segments = line.dropFirst(method.count + 2).split(separator: "/")
                return segments.count == wanted.count
                    && zip(segments, wanted).allSatisfy { segment, name in name == nil || name == String(segment) }
            }
            #expect(isSent, "no scenario sends \(method) \(path)")
        }
    }

    @Test("every route is in the tables of the contract")
    func routesAreDocumented() throws {
        let contract = try Repository.text("Docs/API.md")
        for (method, path) in try Self.routes() {
            let row = contract.split(separator: "\n").first {
                $0.hasPrefix("|") && $0.contains("`\(path)`") && $0.contains(method) && $0.contains("OPTIONS")
            }
            #expect(row != nil, "Docs/API.md does not allow \(method) \(path)")
        }
    }

    @Test("every setting is described in the help of serve")
    func settingsAreDescribed() throws {
        let list = try Repository.text("Server/Core/Settings.swift")
        let settings = list.matches(of: #/Setting\(\s*"([\w-]+)",\s*"(\w*)",\s*"((?:[^"\\]|\\.)+)"/#)
        // The help is made of the list, so that a setting cannot be forgotten in it, and each says something there.
        let command = try Repository.text("Server/Command/Serve.swift")
        #expect(command.contains("Setting.all.map"))
        #expect(command.contains(#"\(settingsHelp)"#))
        #expect(settings.count >= 25)
        for setting in settings { #expect(setting.3.count > 10, "\(setting.1) is not described") }
        let names = settings.map(\.1)
        #expect(Set(names).count == names.count)
        #expect(list.matches(of: #/\bSetting\(\s*"/#).count == settings.count)
    }

    @Test("every problem is in the error table of the contract with its status, and nothing else is")
    func problemsAreInTheTable() throws {
        let statuses = [
            "badRequest": "400", "unauthorized": "401", "forbidden": "403", "notFound": "404",
            "methodNotAllowed": "405", "notAcceptable": "406", "gone": "410", "preconditionFailed": "412",
            "requestTimeout": "408", "conflict": "409", "contentTooLarge": "413",
            "uriTooLong": "414", "unsupportedMediaType": "415", "misdirectedRequest": "421", "tooManyRequests": "429",
            "requestHeaderFieldsTooLarge": "431", "internalServerError": "500", "serviceUnavailable": "503",
        ]
        let problems = try Repository.text("Protocol/Messages/Problem.swift")
            .matches(of: #/code: "(\w+)", status: \.(\w+)/#).map { (code: String($0.1), status: String($0.2)) }
        #expect(problems.count >= 30)
        #expect(Set(problems.map(\.code)).count == problems.count)
        let section = try #require(try Repository.text("Docs/API.md").split(separator: "## 13. Error codes").last)
        var table: [String: [String]] = [:]
        for row in section.split(separator: "\n").prefix(while: { !$0.hasPrefix("## ") }) where row.hasPrefix("| ") {
            let cells = row.split(separator: "|", maxSplits: 1)
            let numbers = cells[0].matches(of: #/\d{3}/#).map { String($0.0) }
            for code in row.matches(of: #/`(\w+)`/#) { table[String(code.1)] = numbers }
        }
        for problem in problems {
            let status = try #require(statuses[problem.status], "a status that this test does not know")
            #expect(table[problem.code]?.contains(status) == true, "\(problem.code), \(status)")
        }
        #expect(Set(table.keys) == Set(problems.map(\.code)))
    }

    @Test("every test that the contract names exists")
    func namedTestsExist() throws {
        let names = try Repository.text("Docs/API.md").matches(of: #/held by test: "([^"]+)"/#).map { String($0.1) }
        #expect(names.count >= 20)
        let tests = Set(
            try Repository.files(in: "Tests").flatMap { source in
                source.code.matches(of: #/@Test\(\s*"([^"]+)"/#).map { String($0.1) }
            })
        let missing = names.filter { !tests.contains($0) }
        #expect(missing.isEmpty)
    }

    @Test("every fault is named in the tests of whole programs")
    func faultsAreTested() throws {
        let faults = try Repository.text("Server/Core/Faults.swift").matches(of: #/case \w+ = "([\w-]+)"/#).map(\.1)
        #expect(!faults.isEmpty)
        let tests = try Repository.files(in: "Tests/System").map(\.text).joined()
        let missing = faults.filter { !tests.contains("\"\($0)\"") }
        #expect(missing.isEmpty)
    }

    @Test("no file names a path of the machine that it was written on")
    func pathsAreNobodys() throws {
        for part in ["Protocol", "Server", "Client", "Conformance", "Tests", "Docs"] {
            for ending in [".swift", ".md", ".yaml", ".sh", ".py"] {
                for file in try Repository.files(in: part, endingIn: ending) {
                    let isOfAMachine = file.text.contains(#/["' (](?:\/home\/|\/root\/|\/Users\/|\/work\/)\w/#)
                    #expect(!isOfAMachine, "\(file.path)")
                }
            }
        }
    }
}
