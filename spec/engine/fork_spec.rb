# frozen_string_literal: true

RSpec.describe "A fork of a process with a running engine" do
  let(:topic) { create_topic("orders") }
  let(:child_topic) { create_topic("child-orders") }

  def with_parent(child)
    ChildProcess.open(:fork, topic: topic, child_topic: child_topic, child: child, **on_broker) do |parent|
      parent.await(:running)
      yield parent
      expect_undisturbed(parent)
    end
  end

  def send_message(topic, payload)
    Feed.open(bootstrap) { |feed| feed.send(topic, [payload]) }
  end

  def expect_undisturbed(parent)
    send_message(topic, "after")
    expect(parent.await(:consumed)).to include(payload: "after", pid: parent.pid)
    parent.signal(:TERM)
    expect(parent.await(:stopped)).to include(state_before: "running", healthy: true, clean: true)
    expect(parent.wait).to be_success
    expect(parent.complaints).not_to match(/panic|BUG|Segmentation|abort/i)
  end

  it "leaves the parent alone when it exits" do
    with_parent("exits") do |parent|
      3.times do
        expect(parent.await(:child)).to include(state: "stopped", report: "nil")
        expect(parent.await(:child_ended)).to include(success: true)
      end
    end
  end

  it "leaves the parent alone when it is killed" do
    with_parent("waits") do |parent|
      3.times { expect(parent.await(:child_ended)).to include(signal: 9) }
    end
  end

  it "can start an engine of its own" do
    with_parent("starts") do |parent|
      3.times do |n|
        child = parent.await(:child)
        expect(child).to include(state: "running")
        send_message(child_topic, "for the child #{n}")
        expect(parent.await(:consumed)).to include(payload: "for the child #{n}", pid: child[:pid])
        expect(parent.await(:child_stopped)).to include(clean: true)
        expect(parent.await(:child_ended)).to include(success: true)
      end
    end
  end
end
