import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Somebody who looks after domains: an admin after all, an owner after their own.
struct DomainKeeper: Sendable {
    let account: Account

    /// The account whose domains they are; nil for all.
    var only: String? { account.roles.contains(.admin) ? nil : account.id }
}

extension Access where Caller == DomainKeeper {
    /// - Parameter scope: what a key must have been given besides the role.
    static func domainKeeper(_ callers: Callers, _ scope: KeyScope? = nil) -> Access {
        Access { call in
            let account = try await callers.admit(call, scope: scope).account
            guard account.roles.contains(.admin) || account.roles.contains(.owner) else {
                throw Problem.insufficientRole
            }
            return DomainKeeper(account: account)
        }
    }
}

/// Turns HTTP into calls on `Domains` and back; decides nothing itself.
struct DomainHandlers: Sendable {
    let domains: Domains

    /// `GET /api/domains[?after=…&limit=…]`
    @Sendable func list(_ call: Call, _ caller: DomainKeeper) async throws -> Answer {
        let page = try PageRequest(try call.queryMembers("after", "limit")) { (try? DomainName($0))?.text == $0 }
        return try await domains.list(ownedBy: caller.only, page).answer(\.json)
    }

    /// `POST /api/domains`
    @Sendable func create(_ call: Call, _ caller: Admin) async throws -> Answer {
        let body = try call.jsonObject(
            only: "domain", "hosts", "owner", "secret", "sign_up", "allowed_origins", "address_types")
        let name = try Self.domain(try body.requireString("domain"), "domain")
        let hosts = try Self.hosts(body) ?? []
        let owner = try Self.owner(body) ?? nil
        let settings = try Self.settings(body)
        let given = try body.optionalString("secret").map { text throws(Problem) in try Self.secret(text) }
        return try await Self.problems {
            let secret = try await domains.add(
                name, hosts: hosts, owner: owner, secret: given ?? .random(), settings: settings,
                by: caller.account.actor)
            let made = try await domains.require(name).json.object ?? []
            let members = made + [JSONValue.Member(name: "secret", value: .string(secret))]
            var answer = Answer.json(JSONValue.object(members).bytes(), status: .created)
            answer.headers[.location] = "/api/domains/\(name.text)"
            return answer
        }
    }

    /// `GET /api/domains/{domain}`
    @Sendable func show(_ call: Call, _ caller: DomainKeeper) async throws -> Answer {
        let name = try Self.name(of: call)
        return .json(try await Self.problems { try await domains.require(name, ownedBy: caller.only).json.bytes() })
    }

    /// `PATCH /api/domains/{domain}`
    @Sendable func change(_ call: Call, _ caller: DomainKeeper) async throws -> Answer {
        let body = try call.jsonObject(only: "hosts", "owner", "sign_up", "allowed_origins", "address_types")
        // By which names the server is reached, and who looks after them, is the operator's business.
        if caller.only != nil, let member = ["hosts", "owner"].first(where: { body[$0] != nil }) {
            throw Problem.insufficientRole.saying("Only an admin changes \"\(member)\".")
        }
        let (hosts, owner, settings) = (try Self.hosts(body), try Self.owner(body), try Self.settings(body))
        let name = try Self.name(of: call)
        try await Self.problems {
            try await domains.change(
                name, owner: owner, hosts: hosts.map { .exactly($0) }, settings: settings, ownedBy: caller.only,
                by: caller.account.actor)
        }
        return Answer(status: .noContent)
    }

    /// `POST /api/domains/{domain}/rotate-secret`
    @Sendable func rotateSecret(_ call: Call, _ caller: DomainKeeper) async throws -> Answer {
        let name = try Self.name(of: call)
        let secret = try await Self.problems {
            try await domains.rotateSecret(of: name, ownedBy: caller.only, by: caller.account.actor)
        }
        let answer: JSONValue = ["secret": .string(secret)]
        return .json(answer.bytes())
    }

    /// `DELETE /api/domains/{domain}`
    @Sendable func remove(_ call: Call, _ caller: Admin) async throws -> Answer {
        let name = try Self.name(of: call)
        try await Self.problems { try await domains.remove(name, by: caller.account.actor) }
        return Answer(status: .noContent)
    }

    // MARK: Reading

    /// What cannot be a domain is none that is hosted.
    private static func name(of call: Call) throws(Problem) -> DomainName {
        do { return try DomainName(call.parameters[0]) } catch { throw .unknownDomain }
    }

    private static func domain(_ text: String, _ member: String) throws(Problem) -> DomainName {
        do { return try DomainName(text) } catch {
            throw .invalidDomain.saying("The member \"\(member)\": \(error.description)")
        }
    }

    private static func hosts(_ body: JSONValue) throws(Problem) -> [DomainName]? {
        guard let texts = try texts(body, "hosts") else { return nil }
        var hosts: [DomainName] = []
        for text in texts { hosts.append(try domain(text, "hosts")) }
        return hosts
    }

    /// `.some(nil)` for null.
    private static func owner(_ body: JSONValue) throws(Problem) -> AccountName?? {
        if body["owner"] == .null { return .some(nil) }
        guard let text = try body.optionalString("owner") else { return nil }
        do { return try AccountName(text) } catch { throw .invalidName.saying(error.description) }
    }

    private static func secret(_ text: String) throws(Problem) -> DomainSecret {
        do { return try DomainSecret(broughtAlong: text, allowWeak: false) } catch {
            throw .invalidMember.saying(
                "The member \"secret\" must be 43 or more printable ASCII characters, random, without spaces and without exactly two dots."
            )
        }
    }

    private static func settings(_ body: JSONValue) throws(Problem) -> DomainSettings {
        var settings = DomainSettings()
        if let word = try body.optionalString("sign_up") {
            guard let policy = SignUpPolicy(rawValue: word) else {
                throw .invalidMember.saying("The member \"sign_up\" can be \(SignUpPolicy.words).")
            }
            settings.signUp = policy
        }
        if let texts = try texts(body, "allowed_origins") {
            var origins: Set<WebOrigin> = []
            for text in texts {
                guard let origin = WebOrigin(text) else {
                    throw .invalidMember.saying("Each of \"allowed_origins\" \(WebOrigin.expectation).")
                }
                origins.insert(origin)
            }
            settings.allowedOrigins = origins
        }
        settings.addressTypes = try addressTypes(body)
        return settings
    }

    /// `.some(nil)` for null.
    private static func addressTypes(_ body: JSONValue) throws(Problem) -> Set<AddressType>?? {
        guard let value = body["address_types"] else { return nil }
        if value == .null { return .some(nil) }
        guard let numbers = value.array else {
            throw .wrongType.saying("The member \"address_types\" must be an array of numbers, or null for all.")
        }
        guard !numbers.isEmpty else {
            throw .invalidMember.saying("The member \"address_types\" names one type or more; null stands for all.")
        }
        var types: Set<AddressType> = []
        for number in numbers {
            guard let type = number.int64.flatMap({ Int(exactly: $0) }).flatMap({ AddressType(rawValue: $0) }) else {
                throw .invalidAddressType
            }
            types.insert(type)
        }
        return .some(types)
    }

    private static func texts(_ body: JSONValue, _ name: String) throws(Problem) -> [String]? {
        guard let value = body[name] else { return nil }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            throw .wrongType.saying("The member \"\(name)\" must be an array of strings.")
        }
        return texts
    }

    // MARK: Refusing

    /// What the rules refuse, in the words of the wire.
    private static func problems<T>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch {
            switch error {
            case let error as DomainError: throw error.problem
            case AccountError.unknown(let name): throw Problem.unknownAccount.saying("There is no account \(name).")
            case AccountError.lastAdmin: throw Problem.lastAdmin
            default: throw error
            }
        }
    }
}

extension DomainError {
    fileprivate var problem: Problem {
        switch self {
        case .taken: .domainTaken
        case .hostTaken: .hostTaken.saying(description)
        case .secretTaken: .secretTaken.saying(description)
        case .unknown, .unknownHost, .ownName: .unknownDomain
        case .weakSecret, .unusableSecret: .invalidMember.saying(description)
        case .changedMeanwhile: .overloaded.saying(description)
        }
    }
}
