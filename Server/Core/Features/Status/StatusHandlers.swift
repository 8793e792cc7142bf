import GatehouseJSON

/// `GET /status`, as the C3-PRO IDM answers it, but without the words of an exception when something fails.
struct StatusHandlers: Sendable {
    let database: PartStatus
    let mail: PartStatus

    @Sendable func show(_: Call, _: Anyone) async throws -> Answer {
        async let mail = mail.current()
        let data: JSONValue = ["db": .string(await database.current()), "mail": .string(await mail)]
        return .json(JSONValue.object([.init(name: "data", value: data)]).bytes())
    }
}
