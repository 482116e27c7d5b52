# frozen_string_literal: true

require_relative "../diary"
require_relative "../karafka" unless ENV["APP_LOADS"] == "nothing"

Karafka::Embedded.start if ENV["APP_CONSUME"] == "application"
Karafka::Embedded.passenger if ENV["APP_CONSUME"] == "passenger"

use Karafka::Embedded::Health, path: "/health" if defined?(Karafka)

# Says what it began, so that a request that was never taken is told from one that was taken and not answered
answer = lambda do |env|
  id = env["QUERY_STRING"]
  Diary.write(:begun, id) unless id.empty?
  text = case env["PATH_INFO"]
         when "/orders" then Karafka.producer.produce_sync(topic: ENV.fetch("APP_TOPIC"), payload: id).offset
         when "/state" then Karafka::Embedded.state
         else sleep(0.01)
         end
  [200, { "content-type" => "text/plain" }, [text.to_s]]
end

run answer
