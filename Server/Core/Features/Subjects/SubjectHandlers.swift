import GatehouseJSON
import GatehouseMessages
import HTTPTypes

/// Turns HTTP into calls on `Subjects` and back; decides nothing itself.
struct SubjectHandlers: Sendable {
    let subjects: Subjects

    /// `POST /subject`
    @Sendable func create(_ call: Call, _ staff: Staff) async throws -> Answer {
        .data(try await subjects.create(try call.jsonObject(), by: staff.account.actor).json, status: .created)
    }

    /// `GET /subject[?offset=…&perpage=…&ordercol=…&orderdir=…&search=…&status=…]`
    @Sendable func list(_ call: Call, _: Staff) async throws -> Answer {
        .data(.array(try await subjects.list(try SubjectList(call, subjects.faults)).map(\.json)))
    }

    /// `GET /subject/{sssid}`
    @Sendable func read(_ call: Call, _: Staff) async throws -> Answer {
        .data(try await subjects.require(call.parameters[0]).json)
    }

    /// `PUT /subject/{sssid}`
    @Sendable func change(_ call: Call, _ staff: Staff) async throws -> Answer {
        guard !call.body.isEmpty else { throw Problem.invalidJSON.saying("No JSON provided") }
        try await subjects.change(call.parameters[0], try call.jsonObject(), by: staff.account.actor)
        return Answer(status: .noContent)
    }

    /// `GET /subject/{sssid}/audits`
    @Sendable func audits(_ call: Call, _: Staff) async throws -> Answer {
        .data(.array(try await subjects.audits(of: call.parameters[0]).map(\.json)))
    }
}

extension Answer {
    /// `{"data":…}`, as the IDM answers.
    static func data(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Answer {
        let body: JSONValue = ["data": value]
        return .json(body.bytes(), status: status)
    }
}
