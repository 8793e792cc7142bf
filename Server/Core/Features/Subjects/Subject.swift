import Foundation
import GatehouseJSON
import GatehouseMessages
import GatehouseStorage

/// The steps of a subject through a study, each with the date at which it was taken.
enum StudyStep: String, CaseIterable, Sendable {
    case invited, consented, enrolled, withdrawn

    /// The member of a subject that holds the date.
    var member: String { "date_\(rawValue)" }
}

/// A subject's identifier within the study.
struct SSSID: Sendable, Equatable {
    static let longest = 64
    let text: String

    /// - Throws: `Problem.missingMember`, `.invalidMember`.
    init(_ text: String) throws(Problem) {
        // Measured first: a pile of combining marks takes seconds to sort.
        let text = text.utf8.count <= CanonicalText.maximumLength ? text.precomposed : text
        guard !text.isEmpty else { throw .missingMember.saying("must at least provide `sssid`") }
        guard text.unicodeScalars.count <= Self.longest, !text.utf8.contains(UInt8(ascii: "/")), !text.hasControls,
            text.trimmingCharacters(in: .whitespacesAndNewlines) == text, text != ".", text != ".."
        else {
            throw .invalidMember.saying(
                "The `sssid` must have 1 to 64 characters, without `/`, control characters and white space around it")
        }
        self.text = text
    }

    /// For a look-up: nil for what no subject can have.
    init?(known text: String) {
        guard let id = try? SSSID(text) else { return nil }
        self = id
    }
}

/// What is known about a subject of the study. Health data: never in a log.
struct Subject: Sendable, Equatable {
    let sssid: SSSID
    var name: String
    var bday: StudyDate
    /// Those that were given. Of the others, `derived` may tell.
    var dates: [StudyStep: StudyDate] = [:]
    /// What the subject's links tell: enrolled at the earliest link, withdrawn at the latest end of one.
    var derived: [StudyStep: StudyDate] = [:]
    /// The study's own members in the order in which they came; strings and numbers.
    var members: [JSONValue.Member] = []
    let createdAt: Int64
    var changedAt: Int64

    /// A date that was given, else the one that the links tell.
    func date(_ step: StudyStep) -> StudyDate? { dates[step] ?? derived[step] }

    /// As front ends count: 0 pending, 1 invited or consented, 2 enrolled, 3 withdrawn.
    var status: Int64 {
        if date(.withdrawn) != nil { return 3 }
        if date(.enrolled) != nil { return 2 }
        return date(.invited) != nil || date(.consented) != nil ? 1 : 0
    }

    var json: JSONValue {
        var all: [JSONValue.Member] = [
            .init(name: "sssid", value: .string(sssid.text)), .init(name: "name", value: .string(name)),
            .init(name: "bday", value: .string(bday.text)),
        ]
        for step in StudyStep.allCases {
            if let date = date(step) { all.append(.init(name: step.member, value: .string(date.text))) }
        }
        all += members
        all.append(.init(name: "created", value: .string(RFC3339.text(createdAt))))
        all.append(.init(name: "changed", value: .string(RFC3339.text(changedAt))))
        return .object(all)
    }
}

// MARK: - What is sent

/// The members of a request about a subject, checked one by one.
struct SubjectChange: Sendable {
    static let longestName = 256
    static let mostMembers = 50
    /// Octets of a study's own members as JSON.
    static let largestMembers = 8192
    /// Members that belong to the server.
    static let ignored: Set<String> = ["_id", "created", "changed", "type"]

    let sssid: SSSID
    let name: String?
    let bday: StudyDate?
    let dates: [StudyStep: StudyDate]
    /// Dates that were sent as null.
    let emptyDates: Set<StudyStep>
    /// The study's own; null takes one away.
    let members: [JSONValue.Member]
    /// All names in the order in which they came, for the audit log.
    let order: [String]

    /// - Throws: `Problem.missingMember`, `.wrongType`, `.invalidMember`, in the words of the original where it has some.
    init(_ body: JSONValue, _ faults: Faults) throws(Problem) {
        guard let given = body["sssid"] else {
            throw .missingMember.saying("must at least provide `sssid`")
        }
        guard let text = given.string else {
            throw given.isNull
                ? .missingMember.saying("must at least provide `sssid`")
                : .wrongType.saying("The member \"sssid\" must be a string.")
        }
        sssid = try SSSID(text)
        name = try Self.text("name", in: body, mayBeEmpty: faults.acceptsEmptyNames)
        if let name {
            guard name.unicodeScalars.count <= Self.longestName, !name.hasControls else {
                throw .invalidMember.saying(
                    "The `name` must have 1 to 256 characters, none of them a control character")
            }
        }
        bday = try Self.text("bday", in: body).map { text throws(Problem) in try Self.date(text, "bday") }
        var dates: [StudyStep: StudyDate] = [:]
        var emptyDates: Set<StudyStep> = []
        for step in StudyStep.allCases {
            guard let value = body[step.member] else { continue }
            if value.isNull {
                emptyDates.insert(step)
            } else {
                guard let text = value.string else {
                    throw .wrongType.saying("The member \"\(step.member)\" must be a string or null.")
                }
                dates[step] = try Self.date(text, step.member)
            }
        }
        self.dates = dates
        self.emptyDates = emptyDates
        let known = (faults.assignsAll ? [] : Self.ignored).union(["sssid", "name", "bday"]).union(
            StudyStep.allCases.map(\.member))
        members = (body.object ?? []).filter { member in !known.contains { isSameText($0, member.name) } }
        for member in members { try Self.checkOwn(member) }
        order = (body.object ?? []).map(\.name)
    }

    private static func checkOwn(_ member: JSONValue.Member) throws(Problem) {
        guard !member.name.isEmpty, member.name.utf8.count <= largestMembers, !member.name.hasControls else {
            throw .invalidMember.saying("A member needs a name, of 8 KiB at most and without control characters.")
        }
        switch member.value {
        case .string(let text) where text.unicodeScalars.contains("\0"):
            throw .invalidMember.saying("The member \"\(member.name)\" must not contain NUL.")
        case .string, .number, .null: return
        default: throw .wrongType.saying("The member \"\(member.name)\" must be a string, a number or null.")
        }
    }

    private static func text(
        _ name: String, in body: JSONValue, mayBeEmpty: Bool = false
    ) throws(Problem) -> String? {
        guard let value = body[name] else { return nil }
        if value.isNull { throw .invalidMember.saying("The `\(name)` element is empty") }
        guard let text = value.string else { throw .wrongType.saying("The member \"\(name)\" must be a string.") }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty || mayBeEmpty else { throw .invalidMember.saying("The `\(name)` element is empty") }
        return text
    }

    private static func date(_ text: String, _ name: String) throws(Problem) -> StudyDate {
        guard let date = StudyDate(text) else {
            throw .invalidMember.saying("The date for \(name) \"\(text.prefix(64))\" is not properly formatted")
        }
        return date
    }
}

extension Subject {
    /// A new one.
    ///
    /// - Throws: `Problem.missingMember` without a name or a birthday.
    init(new change: SubjectChange, at now: Int64) throws(Problem) {
        guard let name = change.name else { throw .missingMember.saying("JSON is missing the `name` element") }
        guard let bday = change.bday else { throw .missingMember.saying("JSON is missing the `bday` element") }
        self.init(sssid: change.sssid, name: name, bday: bday, dates: change.dates, createdAt: now, changedAt: now)
        members = change.members.filter { !$0.value.isNull }
        try Self.checkSize(of: members)
    }

    /// Takes over what is sent; what is not sent stays.
    ///
    /// - Returns: what changed, as the audit log says it; empty when nothing did.
    /// - Throws: `Problem.stepTaken` for another date of a step that has one; `.invalidMember` for too many members.
    mutating func merge(_ change: SubjectChange) throws(Problem) -> [String] {
        let before = self
        if let name = change.name { self.name = name }
        if let bday = change.bday { self.bday = bday }
        for step in StudyStep.allCases {
            let sent = change.dates[step]
            if let taken = dates[step] {
                guard sent?.instant == taken.instant || sent == nil && !change.emptyDates.contains(step) else {
                    throw .stepTaken.saying("Subject has already been \(step.rawValue)")
                }
            } else if let sent, sent.instant != derived[step]?.instant {
                dates[step] = sent
            }
        }
        for member in change.members {
            let place = members.firstIndex { isSameText($0.name, member.name) }
            switch (place, member.value.isNull) {
            case (let place?, true): members.remove(at: place)
            case (let place?, false): members[place] = member
            case (nil, false): members.append(member)
            case (nil, true): break
            }
        }
        if JSONValue.object(members).bytes() != JSONValue.object(before.members).bytes() {
            try Self.checkSize(of: members)
        }
        return change.order.compactMap { what($0, changedSince: before) }
    }

    private static func checkSize(of members: [JSONValue.Member]) throws(Problem) {
        guard members.count <= SubjectChange.mostMembers,
            JSONValue.object(members).bytes().count <= SubjectChange.largestMembers
        else {
            throw .invalidMember.saying("A study adds 50 members at most, together 8 KiB.")
        }
    }

    /// `invited: …`, `name: "…"`; nil for a member that stayed as it was.
    private func what(_ member: String, changedSince before: Subject) -> String? {
        if let step = StudyStep.allCases.first(where: { $0.member == member }) {
            return dates[step] == before.dates[step] ? nil : "\(step.rawValue): \(dates[step]?.text ?? "")"
        }
        switch member {
        // By octets: Swift takes two spellings of one name, NFC and NFD, for the same.
        case "name": return isSameText(name, before.name) ? nil : "name: \"\(name)\""
        case "bday": return bday == before.bday ? nil : "bday: \"\(bday.text)\""
        default:
            let new = members.first { isSameText($0.name, member) }?.value
            let old = before.members.first { isSameText($0.name, member) }?.value
            guard new?.bytes() != old?.bytes() else { return nil }
            return "\(member): \(new.map { $0.string.map { "\"\($0)\"" } ?? $0.text } ?? "null")"
        }
    }
}

extension String {
    /// Unicode NFC.
    var precomposed: String { precomposedStringWithCanonicalMapping }

    /// Whether it has a control character, a line break among them.
    var hasControls: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }
}
