# frozen_string_literal: true

RSpec.describe Karafka::Embedded::SupervisedThread do
  it "is known to its work as the calling one before its maker goes on" do
    answers = Queue.new
    thread = described_class.new("karafka.spec", on_death: ->(_error) {}) { answers << thread.current? }
    hold_makers { eventually("answer") { !answers.empty? } }
    thread.start
    expect(answers.pop).to be(true)
    expect(thread.join(5_000)).to be(true)
  end
end
