import HTTPTypes

/// The pages of Flask-Cavage's document, and one more, for trying signatures out.
struct HelloHandlers: Sendable {
    /// `GET /hello_world`
    @Sendable func anyone(_: Call, _: Anyone) -> Answer { Self.page("Hello, World!") }

    /// `/hello_world_private`
    @Sendable func whoSigned(_: Call, _: Anyone) -> Answer { Self.page("Hello, world!") }

    /// `/hello_someone`
    @Sendable func someone(_: Call, _: Anyone) -> Answer { Self.page("Hello, Someone!") }

    private static func page(_ text: String) -> Answer {
        var answer = Answer(status: .ok, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
        answer.headers[.cacheControl] = "no-store"
        return answer
    }
}
