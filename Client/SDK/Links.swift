import GatehouseJSON
import HTTPTypes

/// The links between subjects and the records that others keep about them. Needs an account of staff, except `establish`.
public struct Links: Sendable {
    let gatehouse: Gatehouse

    /// Makes a link for a subject who has consented (`POST /subject/{sssid}/links`).
    ///
    /// - Throws: code `not_found`, `not_consented`. When it fails as `.unreachable` and the request may have arrived, the
    ///   link may exist.
    @discardableResult
    public func create(for sssid: String) async throws(GatehouseError) -> Link {
        let answer = try await gatehouse.send(
            Call(
                method: .post, target: Subjects.target(sssid) + "/links", authorization: .token,
                repetition: .unlessArrived))
        let data = try answer.data()
        return try Link(data.array?.first ?? data)
    }

    /// All links of a subject (`GET /subject/{sssid}/links`).
    ///
    /// - Throws: code `not_found`.
    public func list(of sssid: String) async throws(GatehouseError) -> [Link] {
        let answer = try await gatehouse.send(
            Call(method: .get, target: Subjects.target(sssid) + "/links", authorization: .token))
        let data = try answer.data()
        // What says "none".
        if data.isNull { return [] }
        guard let entries = data.array else { throw .unexpectedAnswer("the links are no array") }
        var links: [Link] = []
        for entry in entries { links.append(try Link(entry)) }
        return links
    }

    /// One link (`GET /link/{jti}`).
    ///
    /// - Throws: code `not_found`.
    public func link(_ id: String) async throws(GatehouseError) -> Link {
        let answer = try await gatehouse.send(Call(method: .get, target: Self.target(id), authorization: .token))
        return try Link(try answer.data())
    }

    /// Changes a link (`PUT /link/{jti}`); what is nil stays as it is.
    ///
    /// - Parameters:
    ///   - linkedTo: what the record is called there, unless the link is established.
    ///   - linkedSystem: where the record is kept.
    ///   - withdrawnOn: when the subject took the link back.
    ///   - expiresAt: Unix seconds; only before its token was first read.
    /// - Throws: code `not_found`, `link_established`, `link_fixed`, `invalid_member`.
    public func change(
        _ id: String, linkedTo: String? = nil, linkedSystem: String? = nil, withdrawnOn: StudyDate? = nil,
        expiresAt: Int64? = nil
    ) async throws(GatehouseError) {
        var members: [JSONValue.Member] = []
        if let linkedTo { members.append(.init(name: "linked_to", value: .string(linkedTo))) }
        if let linkedSystem { members.append(.init(name: "linked_system", value: .string(linkedSystem))) }
        if let withdrawnOn { members.append(.init(name: "withdrawn_on", value: .string(withdrawnOn.text))) }
        if let expiresAt { members.append(.init(name: "exp", value: .number(JSONNumber(expiresAt)))) }
        _ = try await gatehouse.send(
            Call(method: .put, target: Self.target(id), body: .object(members), authorization: .token))
    }

    /// The token that the subject gets, mostly as a picture (`GET /link/{jti}/jwt`): the same each time. Every read is in the
    /// subject's audits.
    ///
    /// - Throws: code `not_found`; `link_gone` once it is established, withdrawn or over.
    public func token(_ id: String) async throws(GatehouseError) -> LinkToken {
        var call = Call(method: .get, target: Self.target(id) + "/jwt", authorization: .token)
        call.own = Call.Own(headers: [("Accept", "application/jwt")], body: nil)
        let answer = try await gatehouse.send(call)
        guard let text = String(validating: answer.body, as: UTF8.self), text.split(separator: ".").count == 3 else {
            throw .unexpectedAnswer("it is no token")
        }
        return LinkToken(text)
    }

    /// Ties the link to a patient's record (`POST /establish`). Whoever holds the token may do that, once; of several at the same
    /// moment one succeeds. Needs no credential.
    ///
    /// - Throws: code `link_established`, `link_unknown`, `link_expired`, `not_a_patient`. When it fails as `.unreachable` and the request may
    ///   have arrived, the link may be established.
    public func establish(_ token: LinkToken, as patient: FHIRPatient) async throws(GatehouseError) {
        var call = Call(
            method: .post, target: "/establish", authorization: .secret(token.text), repetition: .unlessArrived)
        call.own = Call.Own(
            headers: [("Accept", "application/json"), ("Content-Type", "application/fhir+json")],
            body: .octets(Array(patient.json.utf8)))
        _ = try await gatehouse.send(call)
    }

    private static func target(_ id: String) -> String { "/link/\(Percent.encode(id))" }
}

extension Gatehouse {
    /// The links of subjects.
    public var links: Links { Links(gatehouse: self) }
}
