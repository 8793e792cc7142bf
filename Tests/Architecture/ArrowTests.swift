import Testing

@Suite("The arrows between modules")
struct ArrowTests {
    /// Where a module may look: the parts of the repository, by the part that it is in.
    static let parts: [String: Set<String>] = [
        "Protocol": ["Protocol"], "Server": ["Server", "Protocol"], "Client": ["Client", "Protocol"],
        "Conformance": ["Conformance", "Protocol", "Client"], "Docs": ["Docs", "Server", "Client", "Protocol"],
    ]

    static func programs() throws -> [Repository.Target] {
        try Repository.targets().filter { parts[$0.part] != nil && !$0.path.contains("CLibraries") }
    }

    @Test("the manifest is read: every folder of sources belongs to a target, and every target has sources")
    func targetsAreFound() throws {
        let targets = try Repository.targets()
        for part in ["Protocol", "Server", "Client", "Conformance", "Tests"] {
            // The package manager does not link libFuzzer; a script compiles its targets.
            for source in try Repository.files(in: part) where !source.path.hasPrefix("Tests/Fuzz/") {
                #expect(
                    targets.count { source.path.hasPrefix($0.path + "/") } == 1,
                    "\(source.path) must belong to exactly one target")
            }
        }
        for target in targets where !target.path.contains("CLibraries") {
            #expect(try !Repository.sources(of: target).isEmpty, "\(target.name) has no sources")
        }
        #expect(targets.count >= 30)
        let core = try #require(targets.first { $0.name == "GatehouseCore" })
        #expect(try Repository.declaredDependencies(of: core).isSuperset(of: ["GatehouseStorage", "WebTokens"]))
        #expect(try Repository.declaredDependencies(of: core).count < 15)
    }

    @Test("a module imports only from the parts that its own part may know", arguments: try programs())
    func partsAreKept(target: Repository.Target) throws {
        let partOf = Dictionary(uniqueKeysWithValues: try Repository.targets().map { ($0.name, $0.part) })
        let allowed = try #require(Self.parts[target.part])
        for source in try Repository.sources(of: target) {
            for module in source.imports {
                guard let part = partOf[module] else { continue }
                #expect(allowed.contains(part), "\(source.path) imports \(module) of \(part)")
            }
        }
        for module in try Repository.declaredDependencies(of: target) {
            let part = try #require(partOf[module])
            #expect(allowed.contains(part), "\(target.name) depends on \(module) of \(part)")
        }
    }

    @Test("a module imports only what the manifest says", arguments: try Repository.targets())
    func importsAreDeclared(target: Repository.Target) throws {
        guard !target.path.contains("CLibraries") else { return }
        let ours = Set(try Repository.targets().map(\.name))
        let declared = try Repository.declaredDependencies(of: target)
        for source in try Repository.sources(of: target) {
            let undeclared = source.imports.intersection(ours).subtracting(declared).subtracting([target.name])
            #expect(undeclared.isEmpty, "\(source.path) imports \(undeclared.sorted())")
        }
    }

    @Test("only the tours import the SDK, besides the resolver, the client's own command and tests")
    func onlyToursKnowTheSDK() throws {
        let allowed: Set<String> = [
            "GatehouseTours", "GatehouseClientCommand", "ClientTests", "SystemTests", "GatehouseClient",
            "GatehouseResolver", "ResolverTests",
        ]
        for target in try Repository.targets() where !allowed.contains(target.name) {
            let declared = try Repository.declaredDependencies(of: target)
            #expect(!declared.contains("GatehouseClient"), "\(target.name) depends on the SDK")
            for source in try Repository.sources(of: target) {
                #expect(!source.imports.contains("GatehouseClient"), "\(source.path) imports the SDK")
            }
        }
    }

    /// Who may import what, for arrows inside the server and towards libcurl.
    static let importers: [(module: String, targets: Set<String>)] = [
        ("GatehouseCore", ["GatehouseCommand"]),
        ("GatehouseSQLite", ["GatehouseCommand"]),
        ("GatehouseStorage", ["GatehouseCore", "GatehouseSQLite", "GatehouseCommand"]),
        ("GatehousePasswords", ["GatehouseCore", "GatehouseCommand"]),
        (
            "GatehouseTransfer",
            [
                "GatehouseClient", "GatehouseResolver", "GatehouseRunner", "GatehouseConformanceCommand",
                "GatehouseAuthRemote", "GatehouseCore", "GatehouseCommand",
            ]
        ),
        ("GatehouseDNS", ["GatehouseCore", "GatehouseCommand", "GatehouseResolver"]),
        ("CGatehouseCAres", ["GatehouseDNS"]),
        ("CGatehouseOpenSSL", ["GatehouseCryptography"]),
        ("CGatehouseCurl", ["GatehouseTransfer"]),
        ("CGatehouseSQLite", ["GatehouseSQLite"]),
        ("CGatehouseSodium", ["GatehousePasswords"]),
        ("CGatehouseArgon2", ["GatehousePasswords"]),
        ("CGatehouseCrypt", ["GatehousePasswords"]),
        // The server checks its own tokens against its store; the middleware is for the servers of others.
        ("GatehouseAuth", ["GatehouseAuthRemote", "GatehouseNotesExample", "GatehouseHelloExample"]),
        ("GatehouseAuthRemote", ["GatehouseNotesExample"]),
        ("Hummingbird", ["GatehouseCore", "GatehouseAuth", "GatehouseNotesExample", "GatehouseHelloExample"]),
        ("HummingbirdCore", ["GatehouseCore"]),
        ("ArgumentParser", ["GatehouseCommand", "GatehouseClientCommand", "GatehouseConformanceCommand"]),
        ("Yams", ["GatehouseCore", "GatehouseRunner"]),
    ]

    @Test("each layer is imported by those above it and by nobody else", arguments: importers)
    func layersAreKept(module: String, importers: Set<String>) throws {
        for target in try Self.programs() where !importers.contains(target.name) {
            for source in try Repository.sources(of: target) {
                #expect(!source.imports.contains(module), "\(source.path) imports \(module)")
            }
        }
    }

    @Test("rules know neither framework nor transport nor driver")
    func featuresKnowNoTransport() throws {
        let sources = try Repository.files(in: "Server/Core/Features")
        #expect(sources.count > 10)
        for source in sources {
            let forbidden = source.imports.filter { module in
                module.hasPrefix("Hummingbird") || module.hasPrefix("CGatehouse") || module == "GatehouseSQLite"
                    || module.hasPrefix("NIO") && module != "NIOConcurrencyHelpers" || module == "Yams"
                    || module == "ServiceLifecycle"
            }
            #expect(forbidden.isEmpty, "\(source.path) imports \(forbidden.sorted())")
        }
    }

    @Test(
        "who checks tokens and signatures with keys of their own need no HTTP client, and neither library needs a store"
    )
    func authIsLight() throws {
        let targets = try Repository.targets()
        let light = ["GatehouseMessages", "GatehouseJSON", "GatehouseCryptography", "HTTPSignatures", "WebTokens"]
        for (name, allowed) in [
            ("GatehouseAuth", Set(light)),
            ("GatehouseAuthRemote", ["GatehouseAuth", "GatehouseTransfer", "WebTokens"]),
        ] {
            let target = try #require(targets.first { $0.name == name })
            #expect(try Repository.declaredDependencies(of: target).isSubset(of: allowed))
        }
    }

    @Test("nothing of the server but the command and the middleware reads time of day or environment")
    func onlyTheCommandReadsTheWorld() throws {
        let forbidden: [(what: String, pattern: Regex<Substring>)] = [
            (
                "the time of day",
                #/\bDate\(\)|\bDate\.now|\bDate\.init\(\)|timeIntervalSinceNow|\bgettimeofday\b|CLOCK_REALTIME|[^.\w]time\(nil\)/#
            ),
            ("the environment", #/\bprocessInfo\b|\bProcessInfo\b|\bgetenv\b|\benviron\b|CommandLine\.arguments/#),
        ]
        for target in try Self.programs() where ["Server", "Protocol"].contains(target.part) {
            guard target.name != "GatehouseCommand" else { continue }
            for source in try Repository.sources(of: target) {
                // The middleware runs in the programs of others; it has one clock too.
                for (what, pattern) in forbidden where source.path != "Server/Auth/TimeOfDay.swift" {
                    #expect(source.code.firstMatch(of: pattern) == nil, "\(source.path) reads \(what)")
                }
            }
        }
    }

    @Test("the SDK reads the time of day in one place and the environment nowhere")
    func theSDKHasOneClock() throws {
        for source in try Repository.files(in: "Client/SDK") + Repository.files(in: "Client/Resolver") {
            let readsTime = source.code.contains(#/\bDate\(\)|\bDate\.now/#)
            #expect(!readsTime || source.path.hasSuffix("/WallClock.swift"), "\(source.path) reads the time of day")
            #expect(!source.code.contains(#/\bProcessInfo\b|\bgetenv\b/#), "\(source.path) reads the environment")
        }
    }

    // MARK: Names

    @Test("every module that others can link has a name of ours")
    func namesAreOurs() throws {
        let manifest = try Repository.manifest()
        let products = Set(manifest.matches(of: #/\.library\(name: "(\w+)"/#).map { String($0.1) })
        #expect(
            products == [
                "GatehouseAuth", "GatehouseAuthRemote", "GatehouseClient", "GatehouseResolver", "HTTPSignatures",
                "WebTokens",
            ])
        for target in try Repository.targets() where !target.isTest {
            #expect(
                target.name.hasPrefix("Gatehouse") || target.name.hasPrefix("CGatehouse")
                    || products.contains(target.name), "\(target.name)")
            #expect(target.name != "Gatehouse")
        }
    }

    @Test("no type bears the name of its module or of one that others link")
    func typesAndModulesDiffer() throws {
        let targets = try Repository.targets()
        let linked = Set(targets.filter { !$0.isTest }.map(\.name))
        for target in targets {
            for source in try Repository.sources(of: target) {
                for match in source.code.matches(of: #/\b(?:struct|class|enum|actor|protocol|typealias)\s+(\w+)/#) {
                    let name = String(match.1)
                    let isTaken = name == target.name || linked.contains(name)
                    #expect(!isTaken, "\(source.path) declares \(name)")
                }
            }
        }
    }

    @Test("no folder of a target lies in that of another")
    func foldersAreApart() throws {
        let targets = try Repository.targets()
        for one in targets {
            for other in targets where one.name != other.name {
                #expect(!other.path.hasPrefix(one.path + "/"), "\(other.name) lies in \(one.name)")
            }
        }
    }
}
