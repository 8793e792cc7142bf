import GatehouseJSON
import HTTPTypes

/// The subjects of a study. Needs an account of staff.
///
/// ```swift
/// for try await subject in gatehouse.subjects.all(order: .name, search: "muster") { … }
/// ```
public struct Subjects: Sendable {
    let gatehouse: Gatehouse

    /// Makes a subject (`POST /subject`).
    ///
    /// - Throws: code `subject_taken`, `invalid_member`, `missing_member`, `wrong_type`. When it fails as `.unreachable` and the request may have
    ///   arrived, the subject may exist.
    @discardableResult
    public func create(_ subject: NewSubject) async throws(GatehouseError) -> Subject {
        let answer = try await gatehouse.send(
            Call(
                method: .post, target: "/subject", body: try subject.json(), authorization: .token,
                repetition: .unlessArrived))
        return try Subject(try answer.data())
    }

    /// One subject (`GET /subject/{sssid}`).
    ///
    /// - Throws: code `not_found`.
    public func subject(_ sssid: String) async throws(GatehouseError) -> Subject {
        let answer = try await gatehouse.send(
            Call(method: .get, target: Self.target(sssid), authorization: .token))
        return try Subject(try answer.data())
    }

    /// Changes a subject (`PUT /subject/{sssid}`); what the change does not name stays.
    ///
    /// - Throws: code `not_found`, `step_taken` for another date of a step that has one, `invalid_member`.
    public func change(_ sssid: String, _ change: SubjectChange) async throws(GatehouseError) {
        _ = try await gatehouse.send(
            Call(
                method: .put, target: Self.target(sssid), body: try change.json(of: sssid), authorization: .token))
    }

    /// A page of the list (`GET /subject`).
    ///
    /// - Parameters:
    ///   - offset: how many to leave out.
    ///   - count: 1 to 500.
    /// - Throws: code `invalid_query`.
    public func list(
        _ query: SubjectQuery = SubjectQuery(), offset: Int = 0, count: Int = 50
    ) async throws(GatehouseError) -> [Subject] {
        let answer = try await gatehouse.send(
            Call(method: .get, target: query.target(offset: offset, count: count), authorization: .token))
        guard let entries = try answer.data().array else { throw .unexpectedAnswer("the subjects are no array") }
        var subjects: [Subject] = []
        for entry in entries { subjects.append(try Subject(entry)) }
        return subjects
    }

    /// All subjects that fit, a page after the other, as they are read.
    ///
    /// - Parameter pageSize: how many to fetch at once, 1 to 500.
    public func all(
        order: SubjectOrder? = nil, descending: Bool = false, search: String? = nil, status: SubjectStatus? = nil,
        pageSize: Int = 200
    ) -> SubjectSequence {
        SubjectSequence(
            subjects: self,
            query: SubjectQuery(order: order, descending: descending, search: search, status: status),
            pageSize: min(max(pageSize, 1), 500))
    }

    /// What was done to a subject and its links, by whom and when, oldest first (`GET /subject/{sssid}/audits`).
    ///
    /// - Throws: code `not_found`.
    public func audits(of sssid: String) async throws(GatehouseError) -> [Audit] {
        let answer = try await gatehouse.send(
            Call(method: .get, target: Self.target(sssid) + "/audits", authorization: .token))
        guard let entries = try answer.data().array else { throw .unexpectedAnswer("the audits are no array") }
        var audits: [Audit] = []
        for entry in entries { audits.append(try Audit(entry)) }
        return audits
    }

    static func target(_ sssid: String) -> String { "/subject/\(Percent.encode(sssid))" }
}

extension Gatehouse {
    /// The subjects of the study.
    public var subjects: Subjects { Subjects(gatehouse: self) }
}

/// One change to a subject or to one of its links.
public struct Audit: Sendable, Equatable {
    /// `create`, `consented: 2026-02-02`, `[Link] create JWT`, …
    public let action: String
    /// The name of whoever did it; nil for somebody without an account, such as who holds a link.
    public let actor: String?
    /// When.
    public let at: StudyDate

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let action = value["action"]?.string, let at = value["datetime"]?.string else {
            throw .unexpectedAnswer("an audit has no action or datetime")
        }
        self.action = action
        actor = value["actor"]?.string
        self.at = StudyDate(at)
    }
}

extension Audit: CustomStringConvertible, CustomReflectable {
    /// Nothing about the subject.
    public var description: String { "Audit" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension TransportResponse {
    /// The member `data`, in which the IDM's answers stand.
    func data() throws(GatehouseError) -> JSONValue {
        guard let data = try json()["data"] else { throw .unexpectedAnswer("it has no data") }
        return data
    }
}
