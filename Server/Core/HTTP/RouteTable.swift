import GatehouseMessages
package import HTTPTypes

/// Who may call a route, as a value that turns a call into a caller.
///
/// A handler takes the caller that its route's access makes, so one written for signed-in people cannot run for strangers.
package struct Access<Caller: Sendable>: Sendable {
    package let admit: @Sendable (Call) async throws -> Caller
    package init(admit: @escaping @Sendable (Call) async throws -> Caller) { self.admit = admit }
}

extension Access where Caller == Anyone {
    /// No credential is asked for, and none is looked at.
    package static var anyone: Access { Access { _ in Anyone() } }
}

/// The caller of a public route.
package struct Anyone: Sendable {}

/// What exists and who may call it: method and path to handler, with 404, 405, HEAD and OPTIONS answered alike for all.
package struct RouteTable: Sendable {
    package typealias Handler = @Sendable (Call) async throws -> Answer

    package struct Route: Sendable {
        package let method: HTTPRequest.Method
        /// With `{name}` for a segment that varies.
        package let path: String
        /// Octets of a body; nil for as many as everywhere.
        let largestBody: Int?
        let segments: [Substring]
        package let readsBody: Bool
        /// `Access-Control-Allow-Origin: *` on every answer, errors included.
        package let isPublicToAllOrigins: Bool
        let handler: Handler
    }

    package private(set) var routes: [Route] = []
    private var indicesByLength: [Int: [Int]] = [:]

    package init() {}

    /// Adds a route whose handler needs the caller that `access` makes.
    package mutating func on<Caller: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access<Caller>, readsBody: Bool = false,
        largestBody: Int? = nil, publicToAllOrigins: Bool = false,
        _ handler: @escaping @Sendable (Call, Caller) async throws -> Answer
    ) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        indicesByLength[segments.count, default: []].append(routes.count)
        routes.append(
            Route(
                method: method, path: path, largestBody: largestBody, segments: Array(segments), readsBody: readsBody,
                isPublicToAllOrigins: publicToAllOrigins
            ) { call in try await handler(call, try await access.admit(call)) })
    }

    package enum Match: Sendable {
        case route(Route, parameters: [String])
        /// The path exists, but not for this method. `allow` is the value of `Allow` (RFC 9110 §10.2.1), in a fixed order.
        case otherMethods(allow: String, publicToAllOrigins: Bool)
        case nothing
    }

    package func match(_ method: HTTPRequest.Method, _ path: Substring) -> Match {
        let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        // HEAD follows GET (RFC 9110 §9.3.2).
        let wanted = method == .head ? .get : method
        var others: [Route] = []
        for index in indicesByLength[segments.count] ?? [] {
            let route = routes[index]
            guard let parameters = Self.parameters(of: route.segments, in: segments) else { continue }
            if route.method == wanted { return .route(route, parameters: parameters) }
            others.append(route)
        }
        guard !others.isEmpty else { return .nothing }
        var allow = others.map(\.method.rawValue)
        if allow.contains("GET") { allow.append("HEAD") }
        allow.append("OPTIONS")
        return .otherMethods(
            allow: allow.sorted().joined(separator: ", "),
            publicToAllOrigins: others.contains(where: \.isPublicToAllOrigins))
    }

    private static func parameters(of pattern: [Substring], in segments: ArraySlice<Substring.UTF8View>) -> [String]? {
        var found: [String] = []
        for (wanted, segment) in zip(pattern, segments) {
            if wanted.utf8.first == UInt8(ascii: "{") {
                // Nothing has an identifier with a NUL, and no store can be asked for one.
                guard let value = PercentEncoding.decode(Substring(segment)), !value.isEmpty, !value.utf8.contains(0)
                else { return nil }
                found.append(value)
            } else if !wanted.utf8.elementsEqual(segment) {
                return nil
            }
        }
        return found
    }
}
