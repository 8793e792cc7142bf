import Foundation
import Glibc
import GatehouseCryptography
import GatehouseSQLite
import GatehouseStorage

/// Many aliases in one store: how fast they are imported from the file of another server, and whether looking one up among them takes
/// longer than among a thousand. Both stores are asked in turns by random names, and both files are kept in memory meanwhile: what is
/// compared is the work of the server, not that of a disk.
///
/// - Parameters:
///   - aliases: how many.
///   - seconds: how long the look-ups run, all their turns together.
func aliasBenchmarks(aliases: Int, seconds: Double = 40) async throws -> [Row] {
    try await withTemporaryFolder { folder in
        let few = try await AliasStore(count: min(1000, aliases), in: folder.appending(path: "few"))
        let many = try await AliasStore(count: aliases, in: folder.appending(path: "many"))
        let rounds = 9
        var (fewRates, manyRates, ratios) = ([Double](), [Double](), [Double]())
        let kept = (try KeptInMemory(few.database), try KeptInMemory(many.database))
        let servers = (try await few.start(), try await many.start())
        // The first turns only warm up.
        for round in 0...rounds {
            let turn = seconds / Double(2 * rounds)
            // Whoever goes first does so every other time.
            let first = round.isMultiple(of: 2)
            var rates = (0.0, 0.0)
            if first { rates.0 = try await few.lookUps(at: servers.0.url, seconds: turn) }
            rates.1 = try await many.lookUps(at: servers.1.url, seconds: turn)
            if !first { rates.0 = try await few.lookUps(at: servers.0.url, seconds: turn) }
            guard round > 0 else { continue }
            fewRates.append(rates.0)
            manyRates.append(rates.1)
            ratios.append(rates.1 / rates.0)
        }
        let memory = try servers.1.tool.megabytes()
        try await servers.0.tool.stop()
        try await servers.1.tool.stop()
        let areKept = withExtendedLifetime(kept) { kept.0.isKept && kept.1.isKept }
        return [
            Row(
                name: "import of aliases, rows/s", value: Double(2 * aliases) / many.importSeconds,
                note: "\(many.report); the file has \(many.sourceMegabytes) MB, the store \(try many.megabytes()) MB"),
            Row(
                name: "GET /v1/addresses, \(aliases) aliases / \(few.count)", value: ratios.median,
                target: "0.8 or more",
                note: "\(rate(manyRates.median)) against \(rate(fewRates.median)), medians of \(rounds) turns each; "
                    + String(
                        format: "lowest and highest ratio %.2f and %.2f; the larger server takes %.0f MB",
                        ratios.min() ?? 0, ratios.max() ?? 0, memory)
                    + (areKept ? "" : "; THE FILES WERE NOT KEPT IN MEMORY, see ulimit -l")),
        ]
    }
}

/// A store that was filled by `gatehouse import go-server`, with an address for each alias.
private struct AliasStore {
    let folder: URL
    let count: Int
    private(set) var importSeconds = 0.0
    private(set) var sourceMegabytes = 0
    /// What the import says of its rate and memory.
    private(set) var report = ""

    private var gatehouse: String {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "gatehouse").path
    }
    private var source: URL { folder.appending(path: "go-server.db") }

    init(count: Int, in folder: URL) async throws {
        self.count = count
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        try await writeSource()
        sourceMegabytes = try Self.megabytes(of: source)
        let began = ContinuousClock.now
        let text = try await Tool(gatehouse, ["import", "go-server", source.path], in: folder).result()
        importSeconds = (ContinuousClock.now - began) / .seconds(1)
        report = text.split(separator: "\n").last.map(String.init) ?? ""
        try FileManager.default.removeItem(at: source)
    }

    var database: URL { folder.appending(path: "gatehouse.db") }
    func megabytes() throws -> Int { try Self.megabytes(of: database) }

    private static func megabytes(of file: URL) throws -> Int {
        ((try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0) / 1_000_000
    }

    // MARK: The file

    private static let factor: UInt64 = 1_103_515_245

    /// Each number has another name, and neighbours have names far apart (a permutation of 31 bits).
    private static func name(_ number: Int) -> String {
        let scattered = UInt64(number) &* factor & 0x7FFF_FFFF
        return "user.\(String(scattered, radix: 36))"
    }

    private func writeSource() async throws {
        var options = SQLiteOptions()
        options.isDurable = false
        options.sortsInMemory = false
        let database = try SQLiteDatabase(path: source.path, options: options)
        try await database.closing { database in
            _ = try await database.transaction { sql in
                try sql(
                    """
                    CREATE TABLE users (id integer primary key autoincrement, created_at datetime, updated_at datetime,
                        username varchar(30), password varchar(255), domain varchar(255))
                    """)
                try sql(
                    """
                    CREATE TABLE addresses (id integer primary key autoincrement, created_at datetime,
                        updated_at datetime, user_id integer, address varchar(255), address_type integer)
                    """)
            }
            for start in stride(from: 1, through: count, by: 20_000) {
                let end = min(start + 19_999, count)
                try await database.transaction { sql in
                    let at = "2018-09-17 12:34:56.789+00:00"
                    for number in start...end {
                        // Nobody signs in: as long as a hash of bcrypt, and of its alphabet.
                        let hash = "$2a$10$" + Self.letters(number, 53)
                        try sql(
                            """
                            INSERT INTO users VALUES (\(number), \(at), \(at), \(Self.name(number)), \(hash), 'bench.test')
                            """)
                        try sql(
                            """
                            INSERT INTO addresses VALUES (\(number), \(at), \(at), \(number), \(Self.address(number)), 102)
                            """)
                    }
                }
            }
            // Sorted at once. With them in place from the beginning each row would land on another page.
            _ = try await database.transaction { sql in
                try sql("CREATE UNIQUE INDEX idx_username_domain ON users (username, domain)")
                try sql("CREATE UNIQUE INDEX idx_user_address_type ON addresses (user_id, address_type)")
            }
        }
    }

    private static func numbers(_ seed: Int, _ count: Int, below bound: UInt64) -> [UInt8] {
        // A linear congruential generator; Knuth's MMIX constants.
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8((state >> 33) % bound)
        }
    }

    private static let alphabet = Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    private static func letters(_ seed: Int, _ count: Int) -> String {
        String(decoding: numbers(seed, count, below: 64).map { alphabet[Int($0)] }, as: UTF8.self)
    }

    private static let bech32 = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)

    /// A P2WPKH address (BIP 173) of a key that nobody has.
    private static func address(_ number: Int) -> String {
        let program = [0] + numbers(number, 32, below: 32)
        let code = [3, 3, 0, 2, 3] + program + [0, 0, 0, 0, 0, 0]
        var sum: UInt32 = 1
        for value in code {
            let top = sum >> 25
            sum = (sum & 0x1FF_FFFF) << 5 ^ UInt32(value)
            for (bit, constant) in [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].enumerated()
            where top >> bit & 1 == 1 { sum ^= UInt32(constant) }
        }
        sum ^= 1
        let check = (0..<6).map { UInt8(sum >> (5 * (5 - UInt32($0))) & 31) }
        return "bc1" + String(decoding: (program + check).map { bech32[Int($0)] }, as: UTF8.self)
    }

    // MARK: Look-ups

    /// `name` of a number up to `count`, in Lua, whose numbers are exact up to 2^53.
    private var target: String {
        """
        local digits = "0123456789abcdefghijklmnopqrstuvwxyz"
        target = function()
            local number = math.random(\(count))
            local rest = ((number * \(Self.factor >> 16)) % 32768 * 65536 + number * \(Self.factor & 0xFFFF)) % 2147483648
            local name = ""
            repeat
                local digit = rest % 36
                name = digits:sub(digit + 1, digit + 1) .. name
                rest = (rest - digit) / 36
            until rest == 0
            return "/v1/addresses?alias=user." .. name .. "%24bench.test"
        end
        """
    }

    func start() async throws -> (tool: Tool, url: String) {
        let tool = try await Tool(gatehouse, ["serve", "--port", "0"], in: folder)
        let line = try await tool.firstLine()
        guard let url = line.split(separator: " ").last, url.hasPrefix("http") else {
            throw Tool.Failed(description: "the server did not become ready: \(line)")
        }
        return (tool, String(url))
    }

    func lookUps(at url: String, seconds: Double) async throws -> Double {
        var request = WrkRequest(url: url)
        request.target = target
        return try await request.run(connections: 16, seconds: seconds, in: folder).perSecond
    }
}

/// A file whose pages stay in memory as long as this lives, where the limit on locked memory allows it.
@safe private final class KeptInMemory {
    private let start: UnsafeMutableRawPointer?
    private let count: Int
    let isKept: Bool

    init(_ file: URL) throws {
        let handle = try FileHandle(forReadingFrom: file)
        count = Int(try handle.seekToEnd())
        let start = unsafe mmap(nil, max(count, 1), PROT_READ, MAP_SHARED, handle.fileDescriptor, 0)
        unsafe self.start = start == MAP_FAILED ? nil : start
        isKept = unsafe self.start != nil && mlock(self.start, count) == 0
    }

    deinit { if let start = unsafe start { unsafe munmap(start, max(count, 1)) } }
}
