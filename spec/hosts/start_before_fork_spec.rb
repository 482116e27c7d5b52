# frozen_string_literal: true

require_relative "support/web_host"

RSpec.describe "A start where the application is loaded, in Puma" do
  let(:topic) { KafkaServer.create_topic("early", partitions: 4) }

  def open_web(mode, **more, &block)
    environment = { "APP_TOPIC" => topic, "APP_GROUP" => topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
    WebHost.open(mode, consume: "application", environment: environment.merge(more.transform_keys(&:to_s)), &block)
  end

  def feed(count)
    Feed.open(KafkaServer.bootstrap) { |feed| feed.send(topic, Array.new(count, &:to_s)) }
  end

  it "is refused in a master that preloads, before a request is answered" do
    open_web("cluster") do |web|
      expect(web.wait).not_to be_success
      expect(web.log).to include("was called in the master of puma", "plugin :karafka_embedded")
      expect(web.diaries.begun).to be_empty
    end
  end

  it "consumes in the master where that is allowed, and its workers are inert" do
    open_web("cluster", KARAFKA_EMBEDDED_START_BEFORE_FORK: "allow") do |web|
      web.await("an answer") { web.serving? }
      feed(40)
      web.await("messages") { web.diaries.consumed == 40 }
      expect(Array.new(10) { web.get("/state?#{_1}").body }.uniq).to eq(["stopped"])
      web.signal("TERM")
      web.wait
      expect(web.log).not_to match(/panic|BUG|Segmentation|abort/i)
    end
  end

  ["single", "cluster without preloading"].each do |mode|
    it "is a start like any other in mode #{mode}" do
      open_web(mode) do |web|
        web.await_running
        feed(40)
        web.await("messages") { web.diaries.consumed == 40 }
      end
    end
  end
end
