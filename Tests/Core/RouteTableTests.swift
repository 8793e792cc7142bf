import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("The route table")
struct RouteTableTests {
    private func table() -> RouteTable {
        var table = RouteTable()
        let anyone = Access<Anyone>.anyone
        let handler: @Sendable (Call, Anyone) async throws -> Answer = { _, _ in .emptyObject }
        table.on(.get, "/things", anyone, publicToAllOrigins: true, handler)
        table.on(.put, "/things", anyone, handler)
        table.on(.delete, "/things/{name}", anyone, handler)
        table.on(.post, "/things/{name}/parts/{part}", anyone, handler)
        return table
    }

    private func described(_ match: RouteTable.Match) -> String {
        switch match {
        case .nothing: "404"
        case .otherMethods(let allow, let isPublic): "405 \(allow)\(isPublic ? " public" : "")"
        case .route(let route, let parameters):
            "\(route.method.rawValue) \(route.path) \(parameters.joined(separator: ","))"
        }
    }

    static let requests: [(method: String, path: String, result: String)] = [
        ("GET", "/things", "GET /things "),
        ("HEAD", "/things", "GET /things "),
        ("PUT", "/things", "PUT /things "),
        ("POST", "/things", "405 GET, HEAD, OPTIONS, PUT public"),
        ("OPTIONS", "/things", "405 GET, HEAD, OPTIONS, PUT public"),
        ("HEAD", "/things/a", "405 DELETE, OPTIONS"),
        ("OPTIONS", "/things/a", "405 DELETE, OPTIONS"),
        ("DELETE", "/things/a", "DELETE /things/{name} a"),
        ("DELETE", "/things/a%20b", "DELETE /things/{name} a b"),
        ("DELETE", "/things/a%2Fb", "DELETE /things/{name} a/b"),
        ("DELETE", "/things/a+b", "DELETE /things/{name} a+b"),
        ("POST", "/things/a/parts/b", "POST /things/{name}/parts/{part} a,b"),
        ("DELETE", "/things/", "404"),
        ("DELETE", "/things/%", "404"),
        ("DELETE", "/things/%FF", "404"),
        ("GET", "/Things", "404"),
        ("GET", "/things/", "404"),
        ("GET", "//things", "404"),
        ("GET", "/%74hings", "404"),
        ("GET", "/", "404"),
        ("GET", "", "404"),
        ("GET", "*", "404"),
        ("OPTIONS", "/nothing", "404"),
        ("DELETE", "/things/a/b", "404"),
    ]

    @Test("a method and a path lead to a route, to the methods that there are, or to nothing", arguments: requests)
    func match(method: String, path: String, result: String) throws {
        #expect(described(table().match(try #require(HTTPRequest.Method(method)), path[...])) == result)
    }

    @Test("HEAD goes where GET goes and is allowed where GET is", arguments: ["/v1/addresses", "/health"])
    func head(path: String) async throws {
        let routes = RouteTable(try await Fixture().features)
        #expect(described(routes.match(.head, path[...])) == described(routes.match(.get, path[...])))
    }

    @Test("no two routes share method and path")
    func unique() async throws {
        let routes = RouteTable(try await Fixture().features).routes.map { "\($0.method.rawValue) \($0.path)" }
        #expect(Set(routes).count == routes.count)
    }
}
