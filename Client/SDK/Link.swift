import GatehouseJSON

/// A link between a subject and a record that somebody else keeps.
public struct Link: Sendable, Equatable, Identifiable {
    /// Also the `jti` of its token.
    public let id: String
    /// The subject's `sssid`.
    public let sssid: String
    /// The server, as its token says (`iss`).
    public let issuer: String
    /// Whom its token is for (`aud`).
    public let audience: String
    /// What its token is signed with, such as `EdDSA`.
    public let algorithm: String
    /// When its token ends, Unix seconds; nil before the token was first read, unless it was set.
    public let expiresAt: Int64?
    /// When it was made, by the server's clock.
    public let created: StudyDate
    /// When it was changed last, by the server's clock.
    public let changed: StudyDate?
    /// What the record is called; nil until the link is established.
    public let linkedTo: String?
    /// Where the record is kept.
    public let linkedSystem: String?
    /// When it was established.
    public let linkedOn: StudyDate?
    /// When the subject took it back.
    public let withdrawnOn: StudyDate?

    init(_ value: JSONValue) throws(GatehouseError) {
        func date(_ name: String) -> StudyDate? { value[name]?.string.map { StudyDate($0) } }
        guard let id = value["_id"]?.string, let sssid = value["sub"]?.string, let issuer = value["iss"]?.string,
            let audience = value["aud"]?.string, let algorithm = value["algorithm"]?.string,
            let created = date("created")
        else { throw .unexpectedAnswer("a link has no _id, sub, iss, aud, algorithm or created") }
        self.id = id
        self.sssid = sssid
        self.issuer = issuer
        self.audience = audience
        self.algorithm = algorithm
        self.created = created
        expiresAt = value["exp"]?.int64
        changed = date("changed")
        linkedTo = value["linked_to"]?.string
        linkedSystem = value["linked_system"]?.string
        linkedOn = date("linked_on")
        withdrawnOn = date("withdrawn_on")
    }
}

/// What a subject gets to establish a link. It names the subject with name and birthday, and whoever has it can use it: show it
/// to nobody else.
public struct LinkToken: Sendable, Equatable {
    /// A JWT in compact form, as a QR code shows it.
    public let text: String

    /// A token that came from somewhere else, such as a picture.
    public init(_ text: String) { self.text = text }
}

/// A resource `Patient` of HL7 FHIR.
public struct FHIRPatient: Sendable, Equatable {
    let json: String

    /// A patient with one identifier and nothing else, which is all that a link needs.
    ///
    /// - Parameters:
    ///   - identifier: what the record is called.
    ///   - system: the URI of where it is called so.
    public init(identifier: String, system: String? = nil) {
        var members: [JSONValue.Member] = []
        if let system { members.append(.init(name: "system", value: .string(system))) }
        members.append(.init(name: "value", value: .string(identifier)))
        let patient: JSONValue = ["resourceType": "Patient", "identifier": .array([.object(members)])]
        json = patient.text
    }

    /// - Parameter json: the resource as it is, up to 1 MiB.
    /// - Throws: `.invalidArgument` when it is no JSON object with the `resourceType` `Patient`.
    public init(json: String) throws(GatehouseError) {
        guard let value = try? JSONValue(parsing: Array(json.utf8)), value["resourceType"]?.string == "Patient" else {
            throw .invalidArgument("This is no FHIR Patient in JSON.")
        }
        self.json = json
    }
}

// MARK: - Nothing of it is printed

extension Link: CustomStringConvertible, CustomReflectable {
    /// Nothing about the person.
    public var description: String { "Link" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension LinkToken: CustomStringConvertible, CustomReflectable {
    /// Nothing of the token.
    public var description: String { "LinkToken" }
    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension FHIRPatient: CustomStringConvertible, CustomReflectable {
    /// Nothing about the person.
    public var description: String { "FHIRPatient" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
