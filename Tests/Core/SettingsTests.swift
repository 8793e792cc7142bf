import Foundation
import GatehousePasswords
import GatehouseTestSupport
import GatehouseTransfer
import Testing

@testable import GatehouseCore

@Suite("Settings")
struct SettingsTests {
    private func mistakes(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil, earlier: [String] = []
    ) throws -> [String] {
        do {
            _ = try Settings.load(flags: flags, environment: environment, file: file, mistakes: earlier)
            return []
        } catch let error as SettingsMistakes {
            return error.mistakes
        }
    }

    @Test("flags win over the environment, the environment over the file, the file over the defaults")
    func precedence() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("port: 1\ntoken-lifetime: 11\nsession-lifetime: 12\n", to: "settings.yaml").path
        let settings = try Settings.load(
            flags: ["port": "3"], environment: ["GATEHOUSE_PORT": "2", "GATEHOUSE_TOKEN_LIFETIME": "22"], file: file)
        #expect(settings.port == 3)
        #expect(settings.tokenLifetime == 22)
        #expect(settings.sessionLifetime == 12)
        #expect(settings.maximumConnections == 10_000)
    }

    @Test("a name of another program counts in the environment, and must not contradict ours")
    func aliases() throws {
        let (ours, theirs) = ("GATEHOUSE_AMPHO_TOKEN_LIFETIME", "AMPHO_SECURITY_TOKEN_TTL")
        func lifetime(_ flags: [String: String], _ environment: [String: String]) throws -> Int64 {
            try Settings.load(flags: flags, environment: environment, file: nil).amphoTokenLifetime
        }
        #expect(try lifetime([:], [theirs: "60"]) == 60)
        #expect(try lifetime([:], [theirs: "60", ours: "60"]) == 60)
        #expect(try lifetime(["ampho-token-lifetime": "70"], [theirs: "60", ours: "50"]) == 70)
        #expect(try mistakes(environment: [theirs: "60", ours: "50"]).count == 1)
        #expect(try mistakes(environment: [theirs: "soon"]).first?.hasPrefix(theirs) == true)
        #expect(Settings.unknownNames(in: [theirs: "60", "AMPHO_SECURITY_TTL": "60"]) == ["AMPHO_SECURITY_TTL"])
    }

    @Test("all mistakes come at once, each with its place")
    func allMistakes() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("port: 1\n\nshutdown-grace: soon\nfavourite-colour: blue\n", to: "settings.yaml")
            .path
        let found = try mistakes(
            flags: ["port": "70000", "tls-cert": "a.pem"], environment: ["GATEHOUSE_LOG_LEVEL": "loud"], file: file,
            earlier: ["unknown option --prot"])
        #expect(found.count == 6)
        #expect(found.contains("unknown option --prot"))
        #expect(found.contains("--port must be a whole number from 0 to 65535"))
        #expect(found.contains { $0.hasPrefix("GATEHOUSE_LOG_LEVEL must be trace") })
        #expect(found.contains("shutdown-grace in \(file) must be a whole number from 0 to 3600"))
        #expect(found.contains("\(file):4: there is no setting favourite-colour"))
        #expect(found.contains("--tls-cert and --tls-key belong together"))
    }

    @Test("a value that is overruled need not be right")
    func overruled() throws {
        #expect(try mistakes(flags: ["port": "1"], environment: ["GATEHOUSE_PORT": "many"]).isEmpty)
    }

    @Test("a mistake does not repeat the value of a setting that may be a secret, nor end the search")
    func quiet() throws {
        let found = try mistakes(flags: ["port": "hunter2", "public-url": "hunter2"])
        #expect(found.count == 2)
        #expect(!found.joined().contains("hunter2"))
    }

    @Test("a file that is missing, no YAML, or no mapping is a mistake")
    func badFiles() throws {
        let folder = try TemporaryFolder()
        #expect(try mistakes(file: folder.path("none.yaml")).first?.contains("cannot be read: No such file") == true)
        #expect(
            try mistakes(file: folder.write("a: [", to: "broken.yaml").path).first?.contains("is not YAML") == true)
        #expect(
            try mistakes(file: folder.write("- port", to: "list.yaml").path).first?.contains("must hold lines") == true)
        #expect(try mistakes(file: folder.write("", to: "empty.yaml").path).isEmpty)
        #expect(try mistakes(file: folder.write("# nothing\n", to: "comment.yaml").path).isEmpty)
        let nested = try folder.write("host: {name: a}\n", to: "nested.yaml").path
        #expect(try mistakes(file: nested) == ["\(nested):1: host must be one value or a list"])
    }

    @Test("a list in the file is the same as values with commas")
    func lists() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("trusted-proxies: [10.0.0.0/8, '::1']\n", to: "settings.yaml").path
        let listed = try Settings.load(flags: [:], environment: [:], file: file)
        let flat = try Settings.load(flags: ["trusted-proxies": "10.0.0.0/8, ::1"], environment: [:], file: nil)
        #expect(listed.trustedProxies.count == 2)
        #expect(listed.trustedProxies == flat.trustedProxies)
    }

    @Test("names in the environment that look like ours and are none are found")
    func unknownNames() {
        let names = Settings.unknownNames(in: [
            "GATEHOUSE_PROT": "1", "GATEHOUSE_PORT": "1", "GATEHOUSE_CONFIG": "f", "PATH": "x", "GATEHOUSE_": "",
            "GATEHOUSE_CONFORMANCE_DOMAIN": "a.test",
        ])
        #expect(names == ["GATEHOUSE_", "GATEHOUSE_PROT"])
    }

    static let contradictions: [(flags: [String: String], isContradiction: Bool)] = [
        (["host": "0.0.0.0"], true),
        (["host": "192.0.2.1"], true),
        (["host": "id.example.org"], true),
        (["host": "::"], true),
        (["host": "127.0.0.1"], false),
        (["host": "127.9.9.9"], false),
        (["host": "::1"], false),
        (["host": "localhost"], false),
        (["host": "0.0.0.0", "insecure-http": "true"], false),
        (["host": "0.0.0.0", "insecure-http": "false"], true),
        (["host": "0.0.0.0", "trusted-proxies": "10.0.0.1"], false),
        (["host": "0.0.0.0", "trusted-proxies": ""], true),
        (["host": "0.0.0.0", "tls-cert": "c", "tls-key": "k"], false),
        (["tls-key": "k"], true),
        (["tls-cert": "c"], true),
    ]

    @Test("settings that contradict each other are refused", arguments: contradictions)
    func contradiction(flags: [String: String], isContradiction: Bool) throws {
        #expect(try mistakes(flags: flags).isEmpty == !isContradiction)
    }

    private static let mail = ["mail-server": "smtp://mail.example.org", "mail-from": "a@example.org"]

    static let mailContradictions: [(flags: [String: String], mistake: String?)] = [
        ([:], nil),
        (["mail-server": "smtp://mail.example.org:25"], nil),
        (["mail-server": "smtps://mail.example.org"], nil),
        (["mail-server": "mail.example.org"], "--mail-server must be like"),
        (["mail-server": "smtp://a@mail.example.org"], "--mail-server must be like"),
        (["mail-server": "smtp://mail.example.org/path"], "--mail-server must be like"),
        (["mail-server": "http://mail.example.org"], "--mail-server must be like"),
        (["mail-from": "nobody"], "--mail-from must be a mail address"),
        (["mail-tls": "sometimes"], "--mail-tls must be starttls, tls or none"),
        (["mail-tls": "starttls"], nil),
        (["mail-tls": "tls"], "--mail-tls tls needs smtps://"),
        (["mail-tls": "starttls", "mail-server": "smtps://a.test"], "--mail-tls starttls needs smtp://"),
        (["mail-tls": "none", "mail-server": "smtps://a.test"], "--mail-tls none contradicts smtps://"),
        (["mail-tls": "none"], "--mail-tls none would send passwords"),
        (["mail-tls": "none", "insecure-mail": "true"], nil),
        (["mail-tls": "none", "mail-server": "smtp://127.0.0.1:2525"], nil),
        (["mail-tls": "none", "mail-server": "smtp://[::1]"], nil),
        (["mail-user": "u"], "--mail-user and its password belong together"),
        (["mail-password-file": "f"], "--mail-user and its password belong together"),
        (["mail-user": "u", "mail-password-file": "f"], nil),
        (
            ["mail-user": "u", "mail-password-file": "f", "mail-password": "p"],
            "--mail-password and --mail-password-file both"
        ),
    ]

    @Test("settings of mail that contradict each other are refused", arguments: mailContradictions)
    func mailContradiction(flags: [String: String], mistake: String?) throws {
        let found = try mistakes(flags: Self.mail.merging(flags) { $1 })
        #expect(found.count == (mistake == nil ? 0 : 1), "\(found)")
        #expect(mistake == nil || found.first?.hasPrefix(mistake ?? "") == true, "\(found)")
    }

    @Test("settings of mail need a mail server, and that needs a sender")
    func mailTogether() throws {
        #expect(try mistakes(flags: ["mail-user": "u"]) == ["--mail-user is of no use without --mail-server"])
        #expect(
            try mistakes(flags: ["mail-server": "smtp://a.test"])
                == ["--mail-server needs --mail-from, the sender of mail"])
        let submission = try Settings.load(flags: Self.mail, environment: [:], file: nil)
        #expect(submission.mailServer?.port == 587)
        #expect(try submission.mailDelivery()?.server.security == .startTLS)
        let tls = try Settings.load(
            flags: Self.mail.merging(["mail-server": "smtps://a.test"]) { $1 }, environment: [:], file: nil)
        #expect(try tls.mailDelivery().map { [$0.server.port, $0.server.security == .tls ? 1 : 0] } == [465, 1])
    }

    @Test("the files that the settings of mail name are read at the start, and all that is wrong is told at once")
    func mailFiles() throws {
        let folder = try TemporaryFolder(["password": "hunter2\nnot this\n", "empty": "\n", "templates/x.mustache": ""])
        var flags = Self.mail
        flags["mail-user"] = "u"
        flags["mail-password-file"] = folder.path("password")
        let right = try Settings.load(flags: flags, environment: [:], file: nil)
        #expect(try right.mailDelivery()?.server.credentials?.password == "hunter2")
        flags["mail-password-file"] = folder.path("empty")
        flags["mail-ca-file"] = folder.path("nothing")
        flags["mail-templates"] = folder.path("templates")
        let wrong = try Settings.load(flags: flags, environment: [:], file: nil)
        let error = #expect(throws: SettingsMistakes.self) { try wrong.mailDelivery() }
        #expect(error?.mistakes.count == 3, "\(String(describing: error))")
        for name in ["--mail-password-file", "--mail-ca-file", "--mail-templates"] {
            #expect(error?.mistakes.contains { $0.hasPrefix(name) } == true)
        }
    }

    @Test("--test-limits widens the limits, and a more special setting narrows one of them again")
    func testLimits() throws {
        let wide = try Settings.load(flags: ["test-limits": "true"], environment: [:], file: nil)
        #expect(wide.signInFailuresPerName == 1_000_000)
        #expect(wide.signInFailuresPerNetwork == 1_000_000)
        #expect(wide.lookUpsPerMinute == 1_000_000_000)
        let mixed = try Settings.load(
            flags: ["test-limits": "true"], environment: ["GATEHOUSE_SIGN_IN_FAILURES_PER_NAME": "3"], file: nil)
        #expect(mixed.signInFailuresPerName == 3)
        #expect(mixed.signInFailuresPerNetwork == 1_000_000)
        let narrow = try Settings.load(flags: ["test-limits": "no"], environment: [:], file: nil)
        #expect(narrow.signInFailuresPerName == 10)
        #expect(narrow.signInFailuresPerNetwork == 100)
        #expect(narrow.lookUpsPerMinute == 300)
    }

    @Test("a minimum length changes the policy that was named with it")
    func passwordPolicy() throws {
        let nist = try Settings.load(flags: ["password-policy": "nist-800-63b-4"], environment: [:], file: nil)
        #expect(nist.passwordPolicy == .nist)
        let both = try Settings.load(
            flags: ["password-policy": "nist-800-63b-4", "password-minimum-length": "20"], environment: [:], file: nil)
        #expect(both.passwordPolicy.minimumLength == 20)
    }

    static let badValues: [(name: String, value: String)] = [
        ("port", "-1"), ("port", "65536"), ("port", ""), ("port", " 1"), ("port", "0x10"), ("port", "1.0"),
        ("token-lifetime", "0"), ("token-lifetime", "43201"), ("session-lifetime", "0"),
        ("hashing-threads", "0"), ("maximum-connections", "0"), ("insecure-http", "perhaps"),
        ("public-url", "id.example.org"), ("public-url", "https://id.example.org/path"), ("public-url", "https://"),
        ("public-url", "ftp://id.example.org"), ("public-url", "https://a b"), ("allowed-origins", "*"),
        ("allowed-origins", "https://a.test,null"), ("trusted-proxies", "10.0.0.0/33"), ("trusted-proxies", "proxy"),
        ("dns-servers", "ns.test"),
        ("lookup-cache-control", "a\r\nb"), ("log-level", "INFO"), ("password-policy", "lax"),
    ]

    @Test("a value that makes no sense is refused with the name of its setting", arguments: badValues)
    func badValue(name: String, value: String) throws {
        let found = try mistakes(flags: [name: value])
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("--\(name) ") == true)
    }

    @Test("every setting has a name of its own, words for the help and a name in the environment")
    func list() {
        let names = Setting.all.map(\.name)
        #expect(Set(names).count == names.count)
        for setting in Setting.all {
            #expect(setting.help.count > 10)
            #expect(setting.environmentName.hasPrefix("GATEHOUSE_"))
            #expect(setting.environmentName.allSatisfy { $0.isUppercase || $0 == "_" })
            #expect(setting.name.allSatisfy { $0.isLowercase || $0 == "-" })
        }
    }

    @Test("a public URL loses its trailing slash")
    func publicURL() throws {
        let settings = try Settings.load(flags: ["public-url": "https://id.test/"], environment: [:], file: nil)
        #expect(settings.publicURL == "https://id.test")
    }

    @Test("a name server that is none is named, and what it should be")
    func nameServers() throws {
        let found = try mistakes(flags: ["dns-servers": "127.0.0.1, ns.test"])
        #expect(found.first?.contains("\"ns.test\" is no name server: give an IP address") == true)
    }
}
