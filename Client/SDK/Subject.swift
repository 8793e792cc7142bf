import GatehouseJSON

/// Somebody who takes part in a study.
public struct Subject: Sendable, Equatable, Identifiable {
    /// The study's own identifier (`sssid`), which never changes.
    public let sssid: String
    /// What the subject is called.
    public let name: String
    /// When the subject was born.
    public let birthday: StudyDate
    /// When the subject was invited.
    public let invited: StudyDate?
    /// When the subject consented.
    public let consented: StudyDate?
    /// When the first link that was not withdrawn was made, unless the study said otherwise.
    public let enrolled: StudyDate?
    /// When the last link was withdrawn, unless the study said otherwise.
    public let withdrawn: StudyDate?
    /// When it was made, by the server's clock.
    public let created: StudyDate
    /// When it was changed last, by the server's clock.
    public let changed: StudyDate
    /// What the study keeps besides, under the study's own names.
    public let members: [String: StudyValue]

    /// The `sssid`.
    public var id: String { sssid }
}

/// A subject to be.
public struct NewSubject: Sendable, Equatable {
    /// 1 to 64 characters, no slash and no control character.
    public var sssid: String
    /// 1 to 256 characters.
    public var name: String
    /// When the subject was born.
    public var birthday: StudyDate
    /// When the subject was invited.
    public var invited: StudyDate?
    /// When the subject consented.
    public var consented: StudyDate?
    /// When the subject was enrolled.
    public var enrolled: StudyDate?
    /// When the subject withdrew.
    public var withdrawn: StudyDate?
    /// At most 50, together 8 KiB.
    public var members: [String: StudyValue]

    /// A subject with what is known of it.
    public init(
        sssid: String, name: String, birthday: StudyDate, invited: StudyDate? = nil, consented: StudyDate? = nil,
        enrolled: StudyDate? = nil, withdrawn: StudyDate? = nil, members: [String: StudyValue] = [:]
    ) {
        self.sssid = sssid
        self.name = name
        self.birthday = birthday
        self.invited = invited
        self.consented = consented
        self.enrolled = enrolled
        self.withdrawn = withdrawn
        self.members = members
    }
}

/// What to change of a subject; what is nil stays as it is.
///
/// A date that is set can no longer be changed: that is refused with `step_taken`.
public struct SubjectChange: Sendable, Equatable {
    /// What the subject is called.
    public var name: String?
    /// When the subject was born.
    public var birthday: StudyDate?
    /// When the subject was invited.
    public var invited: StudyDate?
    /// When the subject consented.
    public var consented: StudyDate?
    /// When the subject was enrolled.
    public var enrolled: StudyDate?
    /// When the subject withdrew.
    public var withdrawn: StudyDate?
    /// Those that are named; `.null` takes one away.
    public var members: [String: StudyValue]

    /// No change, unless something is said.
    public init(
        name: String? = nil, birthday: StudyDate? = nil, invited: StudyDate? = nil, consented: StudyDate? = nil,
        enrolled: StudyDate? = nil, withdrawn: StudyDate? = nil, members: [String: StudyValue] = [:]
    ) {
        self.name = name
        self.birthday = birthday
        self.invited = invited
        self.consented = consented
        self.enrolled = enrolled
        self.withdrawn = withdrawn
        self.members = members
    }
}

// MARK: - JSON

/// The names that a subject's own members cannot have.
private let fixedNames: Set<String> = [
    "_id", "bday", "changed", "created", "date_consented", "date_enrolled", "date_invited", "date_withdrawn", "name",
    "sssid", "type",
]

extension Subject {
    init(_ value: JSONValue) throws(GatehouseError) {
        func date(_ name: String) -> StudyDate? { value[name]?.string.map { StudyDate($0) } }
        guard let sssid = value["sssid"]?.string, let name = value["name"]?.string, let birthday = date("bday"),
            let created = date("created"), let changed = date("changed")
        else { throw .unexpectedAnswer("a subject has no sssid, name, bday, created or changed") }
        self.sssid = sssid
        self.name = name
        self.birthday = birthday
        invited = date("date_invited")
        consented = date("date_consented")
        enrolled = date("date_enrolled")
        withdrawn = date("date_withdrawn")
        self.created = created
        self.changed = changed
        var members: [String: StudyValue] = [:]
        for member in value.object ?? [] where !fixedNames.contains(member.name) {
            members[member.name] = try StudyValue(member.value)
        }
        self.members = members
    }
}

extension NewSubject {
    func json() throws(GatehouseError) -> JSONValue {
        try subjectJSON(
            sssid: sssid, name: name, birthday: birthday, dates: [invited, consented, enrolled, withdrawn], members)
    }
}

extension SubjectChange {
    func json(of sssid: String) throws(GatehouseError) -> JSONValue {
        try subjectJSON(
            sssid: sssid, name: name, birthday: birthday, dates: [invited, consented, enrolled, withdrawn], members)
    }
}

/// - Parameter dates: invited, consented, enrolled, withdrawn.
private func subjectJSON(
    sssid: String, name: String?, birthday: StudyDate?, dates: [StudyDate?], _ members: [String: StudyValue]
) throws(GatehouseError) -> JSONValue {
    var all: [JSONValue.Member] = [.init(name: "sssid", value: .string(sssid))]
    if let name { all.append(.init(name: "name", value: .string(name))) }
    if let birthday { all.append(.init(name: "bday", value: .string(birthday.text))) }
    for (name, date) in zip(["date_invited", "date_consented", "date_enrolled", "date_withdrawn"], dates) {
        if let date { all.append(.init(name: name, value: .string(date.text))) }
    }
    for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        guard !fixedNames.contains(name) else {
            throw .invalidArgument("A study's own member cannot be called \(name).")
        }
        all.append(.init(name: name, value: try value.json()))
    }
    return .object(all)
}

// MARK: - Nothing of it is printed

extension Subject: CustomStringConvertible, CustomReflectable {
    /// Nothing about the person.
    public var description: String { "Subject" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension NewSubject: CustomStringConvertible, CustomReflectable {
    /// Nothing about the person.
    public var description: String { "NewSubject" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SubjectChange: CustomStringConvertible, CustomReflectable {
    /// Nothing about the person.
    public var description: String { "SubjectChange" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
