import HTTPTypes

/// `GET /`: what a program asks to see whether the server runs, and where a person begins.
struct RootHandlers: Sendable {
    let setUp: SetUp

    @Sendable func root(_ call: Call, _: Anyone) async throws -> Answer {
        guard call.headers.prefersHTML else {
            var answer = Answer.json(Array("{\"status\":\"ready\"}".utf8))
            answer.headers[.vary] = "Accept"
            return answer
        }
        var links = [WebPage.Link(text: "I forgot my password", path: "/iforgot")]
        if try await setUp.standing() != .closed {
            links.insert(WebPage.Link(text: "Set up the first administrator", path: "/init"), at: 0)
        }
        return WebPage(heading: "This server is ready", links: links).answer()
    }
}
