import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseOpenCAP

extension UserCommands {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an account, or many; at a terminal, ask for everything.",
            discussion: """
                With a NAME it makes that account. Without --password-file it asks for the password at a terminal, and \
                otherwise makes one and prints it once. The domain of an alias must be hosted here.

                Without a NAME it asks: for the server (none for the store of this machine), for an admin's name and password \
                there, and for one user after the other.

                With --csv it makes a user for each line of a file whose first line is username,password,admin (the last two \
                may be missing). All lines are checked first; each that is refused is reported. Who is there already stays as \
                they are, so the command may be repeated. For a line without a password one is made and written into the file \
                that --passwords-to names.

                With --server, with --csv and in the dialogue users are made as POST /user does it: named by an e-mail \
                address, with the role staff, and admin when asked.
                """)

        @Argument(help: "An e-mail address or an alias.")
        var name: String?
        @Flag(help: "Give it the role admin.")
        var admin = false
        @Flag(help: "Give it the role staff.")
        var staff = false
        @Option(help: ArgumentHelp("An alias besides the e-mail address.", valueName: "alias"))
        var alias: String?
        @OptionGroup var source: PasswordSource
        @Option(help: ArgumentHelp("A file with many; - for standard input.", valueName: "file"))
        var csv: String?
        @Flag(help: "With --csv: check all lines and make nobody.")
        var dryRun = false
        @Option(help: ArgumentHelp("With --csv: a new file for the passwords that are made.", valueName: "file"))
        var passwordsTo: String?
        @Flag(help: "With --csv: print the passwords that are made.")
        var showPasswords = false
        @Option(help: ArgumentHelp("Make it there, as an admin, and not in a store of this machine.", valueName: "url"))
        var server: String?
        @Option(name: .customLong("as"), help: ArgumentHelp("With --server: the admin.", valueName: "email"))
        var adminName: String?
        @Option(
            help: ArgumentHelp("With --server: a file whose first line is the admin's password.", valueName: "file"))
        var adminPasswordFile: String?
        @Flag(help: "With --server: allow http:// to other machines.")
        var insecureHttp = false
        @OptionGroup var store: StoreOptions

        func validate() throws {
            if csv != nil, name != nil || admin || staff || alias != nil || source.passwordFile != nil {
                throw ValidationError("With --csv the file says who is made; leave NAME and the options about one out.")
            }
            if csv == nil, dryRun || passwordsTo != nil || showPasswords {
                throw ValidationError("--dry-run, --passwords-to and --show-passwords go with --csv.")
            }
            if server == nil, adminName != nil || adminPasswordFile != nil || insecureHttp {
                throw ValidationError("--as, --admin-password-file and --insecure-http go with --server.")
            }
            if server != nil, alias != nil || store.database != nil {
                throw ValidationError("--alias and --database do not go with --server.")
            }
            if name == nil, csv == nil, admin || staff || alias != nil || source.passwordFile != nil {
                throw ValidationError("Missing expected argument '<name>'")
            }
            if source.passwordFile == "-" || csv == "-", adminPasswordFile == "-" {
                throw ValidationError("Standard input can be given for one file only.")
            }
        }

        func run() async throws {
            if let csv {
                return try await withPlace(at: server) { place in
                    try await UserList(place: place, add: self).run(csv)
                }
            }
            guard let name else { return try await UserDialogue(add: self).run() }
            let accountName = try AccountName(name)
            guard server == nil else { return try await addOne(accountName) }
            let roles: [Role] = (admin ? [.admin] : []) + (staff ? [.staff] : [])
            try await UserCommands.make(
                accountName, alias: try alias.map { try Alias($0) }, roles: Set(roles), source: source, store: store)
        }

        /// At a server.
        private func addOne(_ name: AccountName) async throws {
            guard case .email(let email) = name else {
                throw Refusal(reason: "A server makes users that are named by an e-mail address.", exitCode: 2)
            }
            let user = NewUser(email: email, isAdmin: admin)
            try await withPlace(at: server) { place in
                let (password, isMade) = try source.password()
                switch try await place.add(user, password: password) {
                case .made: try writeLine(user.isMade)
                case .there: throw Refusal(reason: "\(email.text) is already there, and stays as it is.")
                case .refused(let reason): throw Refusal(reason: reason)
                }
                if isMade { try writeLine("Password (shown once): \(password)") }
            }
        }

        /// Signs in at the server, or opens the store when there is none.
        func withPlace(at server: String?, _ body: (any UserPlace) async throws -> Void) async throws {
            guard let server else {
                return try await store.withStore(makesStore: !dryRun) { try await body(LocalUsers(store: $0)) }
            }
            guard let adminName = try adminName ?? Terminal.askIfThere("Admin's e-mail address: ") else {
                throw Refusal(
                    reason: "Name the admin with --as, and give the password with --admin-password-file.", exitCode: 2)
            }
            guard Terminal.isThere || adminPasswordFile != nil else {
                throw Refusal(reason: "Give the admin's password with --admin-password-file.", exitCode: 2)
            }
            let password =
                try adminPasswordFile.map { try SecretFile.firstLine(of: $0) }
                ?? Terminal.askSecret("Admin's password: ")
            let users = try await RemoteUsers(
                at: server, allowsHTTP: insecureHttp, admin: adminName, password: password)
            let result: Result<Void, any Error>
            do { result = .success(try await body(users)) } catch { result = .failure(error) }
            await users.signOut()
            try result.get()
        }
    }
}

extension NewUser {
    var isMade: String { "\(email.text) is made (\(isAdmin ? "admin, staff" : "staff"))." }
}

/// Questions to a person.
enum Terminal {
    static var isThere: Bool { isatty(STDIN_FILENO) == 1 }

    /// Nil when nobody is there, or when they end the input.
    static func askIfThere(_ question: String) throws -> String? {
        guard isThere else { return nil }
        writeToStandardError(question)
        return readLine().map { $0.trimmingCharacters(in: .whitespaces) }
    }

    static func ask(_ question: String) throws -> String {
        guard let answer = try askIfThere(question) else { throw Refusal(reason: "There was no answer.") }
        return answer
    }

    /// Without an echo.
    static func askSecret(_ question: String) throws -> String {
        guard isThere, let answer = unsafe getpass(question) else {
            throw Refusal(reason: "There was no password.", exitCode: 2)
        }
        return unsafe String(cString: answer)
    }

    static func isYes(_ question: String) throws -> Bool {
        ["y", "yes"].contains(try ask("\(question) [y/N] ").lowercased())
    }
}

/// A password that nobody chose. It begins with a letter or digit, since spreadsheets take other beginnings for formulas.
func madePassword() -> String {
    while true {
        let text = Base64URL.encode(SystemRandom.bytes(18))
        if text.first.map({ $0.isLetter || $0.isNumber }) ?? false { return text }
    }
}

// MARK: - Asking for everything

struct UserDialogue {
    let add: UserCommands.Add

    func run() async throws {
        guard Terminal.isThere else {
            throw Refusal(
                reason:
                    "Name the account, or give a file with --csv. At a terminal `gatehouse user add` asks for everything.",
                exitCode: 2)
        }
        let url =
            try add.server
            ?? Terminal.ask("Server, such as https://idm.example.com (none for the store of this machine): ")
        try await add.withPlace(at: url.isEmpty ? nil : url, askForUsers)
    }

    private func askForUsers(_ place: any UserPlace) async throws {
        repeat {
            let email = try askForAddress()
            let chosen = try askForPassword()
            let user = NewUser(email: email, isAdmin: try Terminal.isYes("Shall they be an admin?"))
            let password = chosen ?? madePassword()
            switch try await place.add(user, password: password) {
            case .made:
                try writeLine(user.isMade)
                if chosen == nil { try writeLine("Password (shown once): \(password)") }
            case .there: try writeLine("\(email.text) is already there, and stays as it is.")
            case .refused(let reason): writeToStandardError("\(reason)\n")
            }
        } while try Terminal.isYes("Another one?")
    }

    /// Asks until it is one.
    private func askForAddress() throws -> EmailAddress {
        while true {
            do { return try EmailAddress(try Terminal.ask("E-mail address of the user: ")) } catch let error
                as InvalidName
            {
                writeToStandardError("\(error)\n")
            }
        }
    }

    /// Asks until both are the same; nil for one that is to be made.
    private func askForPassword() throws -> String? {
        while true {
            let first = try Terminal.askSecret("Password (none for one that is made and shown): ")
            if first.isEmpty { return nil }
            if try Terminal.askSecret("Once more: ") == first { return first }
            writeToStandardError("The two passwords differ.\n")
        }
    }
}

// MARK: - Many

/// The lines of a file with `username,password,admin`.
struct UserList {
    let place: any UserPlace
    let add: UserCommands.Add

    private struct Line {
        let number: Int
        let user: NewUser
        /// Nil when one is to be made.
        let password: String?
    }

    private static let columns = ["username", "password", "admin"]

    func run(_ file: String) async throws {
        let name = file == "-" ? "Standard input" : file
        guard let text = String(validating: try SecretFile.contents(of: file), as: UTF8.self) else {
            throw Refusal(reason: "\(name) is not UTF-8.", exitCode: 2)
        }
        let records: [CSVRecord]
        do { records = try CSV.records(text) } catch {
            throw Refusal(reason: "\(name), line \(error.line): \(error.reason). Nobody was made.", exitCode: 2)
        }
        guard let header = records.first?.cells.map({ $0.trimmingCharacters(in: .whitespaces).lowercased() }),
            header.contains("username"), Set(header).isSubset(of: Self.columns), Set(header).count == header.count
        else {
            throw Refusal(
                reason: "The first line of \(name) must be username,password,admin; the last two may be missing.",
                exitCode: 2)
        }
        var refused = 0
        func refuse(_ line: Int, _ reason: String) throws {
            refused += 1
            try writeLine("line \(line): refused: \(reason)")
        }
        let lines = try check(Array(records.dropFirst()), header, refuse)
        if lines.contains(where: { $0.password == nil }), add.passwordsTo == nil, !add.showPasswords, !add.dryRun {
            let line = lines.first { $0.password == nil }?.number ?? 0
            throw Refusal(
                reason:
                    "Line \(line) has no password. Say with --passwords-to where those that are made shall be written, or "
                    + "--show-passwords. Nobody was made.", exitCode: 2)
        }
        let (made, there) = try await add.dryRun ? look(lines) : make(lines, refuse)
        try writeLine("\(made) \(add.dryRun ? "would be made" : "made"), \(there) already there, \(refused) refused.")
        if refused > 0 { throw ExitCode(1) }
    }

    /// All that can be known before.
    private func check(
        _ records: [CSVRecord], _ header: [String], _ refuse: (Int, String) throws -> Void
    ) throws -> [Line] {
        var lines: [Line] = []
        var known: [EmailAddress: Int] = [:]
        for record in records {
            guard record.cells.count == header.count else {
                try refuse(record.line, "it has \(record.cells.count) cells, and the first line \(header.count)")
                continue
            }
            let cells = Dictionary(uniqueKeysWithValues: zip(header, record.cells))
            let flag = cells["admin"]?.trimmingCharacters(in: .whitespaces).lowercased() ?? ""
            guard ["", "true", "false", "yes", "no", "1", "0"].contains(flag) else {
                try refuse(record.line, "admin must be true or false")
                continue
            }
            let email: EmailAddress
            do { email = try EmailAddress(cells["username"] ?? "") } catch {
                // Its own words repeat the name, which may hold anything.
                try refuse(record.line, "its username is no e-mail address")
                continue
            }
            if let other = known[email] {
                try refuse(record.line, "line \(other) has the same username")
                continue
            }
            let user = NewUser(email: email, isAdmin: ["true", "yes", "1"].contains(flag))
            let password = cells["password"].flatMap { $0.isEmpty ? nil : $0 }
            if let password, let objection = place.objection(to: password, of: user) {
                try refuse(record.line, objection)
                continue
            }
            known[email] = record.line
            lines.append(Line(number: record.line, user: user, password: password))
        }
        return lines
    }

    private func look(_ lines: [Line]) async throws -> (made: Int, there: Int) {
        var there = 0
        let progress = Progress()
        for (index, line) in lines.enumerated() {
            if try await place.has(line.user) {
                there += 1
                progress.clear()
                try writeLine("line \(line.number): already there")
            }
            progress.show("looking", Double(index + 1) / Double(lines.count), count: index + 1)
        }
        progress.clear()
        return (lines.count - there, there)
    }

    private func make(
        _ lines: [Line], _ refuse: (Int, String) throws -> Void
    ) async throws -> (made: Int, there: Int) {
        var (made, there) = (0, 0)
        let needsFile = lines.contains { $0.password == nil }
        let passwords = try needsFile ? add.passwordsTo.map { try PasswordFile($0) } : nil
        let progress = Progress()
        for (index, line) in lines.enumerated() {
            let password = line.password ?? madePassword()
            // Written down first: what was made and then lost would help nobody.
            if line.password == nil { try passwords?.add(line.user.email.text, password) }
            let fate = try await place.add(line.user, password: password)
            if line.password == nil, fate != .made { try passwords?.takeBack() }
            switch fate {
            case .made:
                made += 1
                if line.password == nil, add.showPasswords {
                    progress.clear()
                    try writeLine("Password of \(line.user.email.text) (shown once): \(password)")
                }
            case .there:
                there += 1
                progress.clear()
                try writeLine("line \(line.number): already there")
            case .refused(let reason):
                progress.clear()
                try refuse(line.number, reason)
            }
            progress.show("making", Double(index + 1) / Double(lines.count), count: index + 1)
        }
        progress.clear()
        return (made, there)
    }
}

/// Passwords that were made, for whoever hands them out.
private final class PasswordFile {
    private let file: FileHandle
    private let path: String
    private var last: UInt64 = 0

    /// Makes it; mode 0600.
    init(_ path: String) throws {
        self.path = path
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = errno == EEXIST ? "It is there already; name another" : unsafe String(cString: strerror(errno))
            throw Refusal(reason: "The file \(path) cannot be made: \(reason). Nobody was made.", exitCode: 2)
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try write("username,password\r\n")
    }

    func add(_ name: String, _ password: String) throws {
        last = try file.offset()
        try write(CSV.row([name, password]) + "\r\n")
    }

    /// Takes the last one back, who was not made.
    func takeBack() throws {
        try file.truncate(atOffset: last)
        try file.synchronize()
    }

    private func write(_ text: String) throws {
        do {
            try file.write(contentsOf: Data(text.utf8))
            try file.synchronize()
        } catch {
            throw Refusal(
                reason: "The file \(path) cannot be written: \(unsafe String(cString: strerror(error.systemCode))).")
        }
    }
}
